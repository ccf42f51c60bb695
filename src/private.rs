//! Folders and files that hold what people said and whom they called: nobody else's to read. What root makes in somebody's folder
//! is that one's, so that a command of the administrator's never locks the switch out of its own data.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::Path;

/// Makes a folder and those above it. One that is there keeps its owner and the permissions that it was given.
pub fn folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Somebody else was faster, or something else has the name.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match path.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        },
        made => made.and_then(|()| give(path, |user, group| lchown(path, user, group))),
    }
}

/// Opens a file for reading and writing; makes it if it is not there.
pub fn file(path: &Path) -> io::Result<File> {
    match options().open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match new_file(path) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options().open(path),
            made => made,
        },
        opened => opened,
    }
}

/// Makes a file that must not be there yet.
pub fn new_file(path: &Path) -> io::Result<File> {
    let made = options().create_new(true).mode(0o600).open(path)?;
    hand_over(&made, path)?;
    Ok(made)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

/// Gives a file that root has just made to whoever owns the folder that it is in.
pub fn hand_over(made: &File, path: &Path) -> io::Result<()> {
    give(path, |user, group| fchown(made, user, group))
}

/// What is given is what was made, and never what its name leads to by now: whoever owns the folder may have put a link there.
fn give(path: &Path, to: impl FnOnce(Option<u32>, Option<u32>) -> io::Result<()>) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = above.metadata()?;
    match to(Some(owner.uid()), Some(owner.gid())) {
        // A root that may not give away, as in a container: it stays root's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn what_is_made_is_the_owners_alone_and_what_is_there_stays_as_it_is() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
        let (below, kept) = (scratch.path().join("a/b"), scratch.path().join("a/b/kept"));
        folder(&below).expect("made");
        folder(&below).expect("it is there");
        assert_eq!((mode(&below), mode(&scratch.path().join("a"))), (0o700, 0o700));
        file(&kept).expect("made");
        std::fs::write(&kept, "kept").expect("writable");
        file(&kept).expect("opened");
        assert_eq!(
            (std::fs::read_to_string(&kept).expect("readable").as_str(), mode(&kept)),
            ("kept", 0o600)
        );
        assert_eq!(new_file(&kept).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
        assert!(folder(&kept).is_err(), "a file is no folder");
    }

    #[test]
    fn what_root_makes_in_somebodys_folder_is_theirs() {
        // Only root can give anything away; for anybody else there is nothing to show.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let scratch = tempfile::tempdir().expect("a temporary folder");
        chown(scratch.path(), Some(4_711), Some(4_712)).expect("we are root");
        let below = scratch.path().join("data");
        folder(&below).expect("made");
        file(&below.join("trunkline.lock")).expect("made");
        for path in [below.clone(), below.join("trunkline.lock")] {
            let made = path.metadata().expect("it is there");
            assert_eq!((made.uid(), made.gid()), (4_711, 4_712), "{}", path.display());
        }
    }

    #[test]
    fn what_a_link_in_its_place_leads_to_stays_with_its_owner() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (scratch, elsewhere) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        chown(scratch.path(), Some(4_711), Some(4_712)).expect("we are root");
        let (path, secret) = (scratch.path().join("trunkline.lock"), elsewhere.path().join("shadow"));
        let secrets = File::create(&secret).expect("made").metadata().expect("it is there").uid();
        let made = options().create_new(true).open(&path).expect("made");
        std::fs::remove_file(&path).expect("it is there");
        symlink(&secret, &path).expect("its name is free");
        hand_over(&made, &path).expect("given");
        let owner = |file: &File| file.metadata().expect("it is there").uid();
        assert_eq!(owner(&made), 4_711);
        assert_eq!(owner(&File::open(&secret).expect("it is there")), secrets);
    }
}
