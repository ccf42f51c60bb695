//! A PostgreSQL of the tests' own: a cluster in a temporary directory, reached by its socket alone, shared by the tests
//! that run at once and stopped with the last of them. `TRUNKLINE_TEST_POSTGRES` (a URL whose user may create databases)
//! takes its place where it is set.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A running server.
pub struct Cluster {
    /// With `{}` where the database's name stands.
    url: String,
    own: Option<Own>,
}

/// A server that this process started.
struct Own {
    directory: tempfile::TempDir,
    programs: PathBuf,
}

static RUNNING: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Cluster {
    /// The running one, or a new one.
    pub fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(cluster) = running.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(match std::env::var("TRUNKLINE_TEST_POSTGRES") {
            Ok(url) => Self { url: with_database(&url), own: None },
            Err(_) => Self::start(),
        });
        *running = Arc::downgrade(&cluster);
        cluster
    }

    /// The URL of the database that is always there.
    pub fn maintenance_url(&self) -> String {
        self.url.replace("{}", "postgres")
    }

    /// A name that no other database has, and its URL.
    pub fn new_database(&self) -> (String, String) {
        let name = format!("trunkline_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
        let url = self.url.replace("{}", &name);
        (name, url)
    }

    fn start() -> Self {
        let programs = programs();
        let directory =
            tempfile::Builder::new().prefix("trunkline-pg-").tempdir().expect("a temporary directory");
        let path = directory.path().to_owned();
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(&path));
        }
        let data = path.join("data");
        let mut initdb = as_postgres(&programs.join("initdb"));
        run(initdb
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data));
        let options =
            format!("-c listen_addresses= -c unix_socket_directories={} -c fsync=off", path.display());
        let mut start = as_postgres(&programs.join("pg_ctl"));
        run(start
            .arg("start")
            .arg("-w")
            .arg("-D")
            .arg(&data)
            .arg("-l")
            .arg(path.join("log"))
            .arg("-o")
            .arg(options));
        let url = format!("postgres://postgres@localhost/{{}}?host={}", path.display());
        Self { url, own: Some(Own { directory, programs }) }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut stop = as_postgres(&self.programs.join("pg_ctl"));
        let stop = stop.args(["stop", "-w", "-m", "immediate", "-D"]).arg(self.directory.path().join("data"));
        let _ = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.own.take());
    }
}

/// The newest installed release's programs.
fn programs() -> PathBuf {
    let version =
        |path: &PathBuf| path.iter().filter_map(|part| part.to_str()?.parse::<u32>().ok()).next_back();
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort_by_key(version);
    found.pop().unwrap_or_else(|| {
        panic!("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb): `apt-get install postgresql`, or set TRUNKLINE_TEST_POSTGRES")
    })
}

fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match output {
        Ok(status) if status.success() => {}
        other => panic!("{command:?}: {other:?}"),
    }
}

/// Puts the place-holder where a URL names its database.
fn with_database(url: &str) -> String {
    let mut parsed = url::Url::parse(url).expect("TRUNKLINE_TEST_POSTGRES is a URL");
    parsed.set_path("/DATABASE");
    parsed.as_str().replace("/DATABASE", "/{}")
}
