//! Shell: stereo recordings, left the callee, right the agent, 16-bit PCM at 8 kHz. Media threads put frames on one
//! bounded ring each; one writer thread takes them off, gathers a second of each file and writes it at once. The header
//! is put right at each write, so that what is there can be played whenever and however it ends. Knows nothing of RTP.
//!
//! A full ring drops frames; each carries its number, so the writer fills the hole with silence and both sides stay
//! aligned. A disk that is full or broken ends that recording with its error, and not the call.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, mpsc::SyncSender},
    thread,
    time::Duration,
};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::{
    bridge::Event,
    clip::Clip,
    counters::{Counters, Published},
    report::{LegId, Report, Reports},
    tape::{Recorded, RecordingSpec, StereoFrame},
};

/// What a media thread puts on its ring.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all entries are frames, and a box a frame would allocate"
)]
pub(crate) enum Entry {
    /// A recording begins.
    Begin(Begin),
    /// The frame of a recording with its number.
    Frame(LegId, u32, StereoFrame),
    /// The recording has so many frames.
    End(LegId, u32),
    /// A clip to be freed here, where time is not dear.
    Spent(#[expect(dead_code, reason = "it is only dropped")] Arc<Clip>),
}

/// A recording that begins.
pub(crate) struct Begin {
    pub(crate) leg: LegId,
    pub(crate) token: u64,
    pub(crate) spec: RecordingSpec,
}

/// Entries of a worker's ring, 21 MB: 2 s of 300 legs, 0.6 s of 1,000. A disk can stall for as long.
const RING: usize = 32_768;
/// Starts the writer; gives each worker's ring. It ends when all of them are dropped.
pub(crate) fn start(
    workers: usize,
    reports: Reports,
    published: Arc<Published>,
    alive: SyncSender<()>,
) -> io::Result<Vec<Producer<Entry>>> {
    let (producers, rings) = (0..workers).map(|_| RingBuffer::new(RING)).unzip();
    let writer = Writer { rings, files: HashMap::new(), reports, counters: Counters::default(), published };
    thread::Builder::new().name("media-recorder".into()).spawn(move || {
        writer.run();
        drop(alive);
    })?;
    Ok(producers)
}

struct Writer {
    rings: Vec<Consumer<Entry>>,
    files: HashMap<LegId, Take>,
    reports: Reports,
    counters: Counters,
    published: Arc<Published>,
}

impl Writer {
    fn run(mut self) {
        loop {
            // Looked at before the round: what was put on a ring before it was abandoned is then taken off.
            let abandoned = self.rings.iter().all(Consumer::is_abandoned);
            let busy = self.round();
            self.reports.flush();
            self.counters.reports_dropped = self.reports.dropped();
            self.published.publish(&self.counters);
            if abandoned && !busy {
                break;
            }
            // A ring holds much more than a round; nobody is woken a frame at a time.
            thread::park_timeout(if self.files.is_empty() { IDLE } else { ROUND });
        }
        let files = std::mem::take(&mut self.files);
        files.into_values().for_each(|take| self.finish(take, None));
        self.reports.flush();
    }

    /// Takes off what the rings hold now. False: nothing.
    fn round(&mut self) -> bool {
        let mut busy = false;
        for index in 0..self.rings.len() {
            for _ in 0..RING {
                let Ok(entry) = self.rings[index].pop() else { break };
                busy = true;
                self.take(entry);
            }
        }
        busy
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Spent(_) => {}
            Entry::Begin(Begin { leg, token, spec }) => {
                self.files.insert(leg, Take::new(leg, token, spec.path));
            }
            Entry::Frame(leg, number, frame) => {
                // Those of a recording that failed go nowhere.
                let Some(take) = self.files.get_mut(&leg) else { return };
                if let Err(error) = take.append(number, &frame) {
                    self.end(leg, Some(error));
                }
            }
            Entry::End(leg, frames) => {
                let error = self.files.get_mut(&leg).and_then(|take| take.pad(frames).err());
                self.end(leg, error);
            }
        }
    }

    fn end(&mut self, leg: LegId, error: Option<io::Error>) {
        if let Some(take) = self.files.remove(&leg) {
            self.finish(take, error);
        }
    }

    fn finish(&mut self, mut take: Take, error: Option<io::Error>) {
        let error = error.or_else(|| take.flush().err()).map(|error| error.kind());
        let recorded = take.close(error);
        // A call that never talked was not recorded.
        self.counters.recordings += u64::from(recorded.bytes > 0 || error.is_some());
        self.counters.recordings_failed += u64::from(error.is_some());
        self.reports.push(Report { leg: take.leg, token: take.token, event: Event::Recorded(recorded) });
    }
}

const ROUND: Duration = Duration::from_millis(20);
const IDLE: Duration = Duration::from_millis(100);

/// One recording.
struct Take {
    leg: LegId,
    token: u64,
    path: PathBuf,
    file: Option<File>,
    /// Samples that wait to be written, as bytes.
    gathered: Vec<u8>,
    /// Bytes of samples on the disk.
    written: u64,
    frames: u32,
}

const HEADER_BYTES: u64 = 44;
const FRAME_BYTES: usize = 640;
/// One second of stereo.
const CHUNK: usize = 50 * FRAME_BYTES;
const BYTES_A_SECOND: u64 = 32_000;

impl Take {
    fn new(leg: LegId, token: u64, path: PathBuf) -> Self {
        Self { leg, token, path, file: None, gathered: Vec::new(), written: 0, frames: 0 }
    }

    fn append(&mut self, number: u32, frame: &StereoFrame) -> io::Result<()> {
        self.pad(number)?;
        self.frames += 1;
        self.gathered.reserve(CHUNK.saturating_sub(self.gathered.len()));
        self.gathered.extend(frame.0.iter().flat_map(|sample| sample.to_le_bytes()));
        if self.gathered.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Silence for the frames that were lost before this one.
    fn pad(&mut self, frames: u32) -> io::Result<()> {
        while self.frames < frames {
            self.frames += 1;
            self.gathered.resize(self.gathered.len() + FRAME_BYTES, 0);
            if self.gathered.len() >= CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path)?),
        };
        file.write_all_at(&self.gathered, HEADER_BYTES + self.written)?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        file.write_all_at(&header(self.written), 0)
    }

    /// Leaves a file that can be played, or none.
    fn close(&mut self, error: Option<ErrorKind>) -> Recorded {
        if let (Some(file), Some(_)) = (&self.file, error) {
            // A part of the last chunk may be there. Where even this fails, the header of the chunk before stands.
            let _ = file.set_len(HEADER_BYTES + self.written);
            let _ = file.write_all_at(&header(self.written), 0);
        }
        if self.written == 0 {
            // What was there before as something else than a file, a device, isn't ours to remove.
            if self.file.take().is_some_and(|file| file.metadata().is_ok_and(|data| data.is_file())) {
                let _ = fs::remove_file(&self.path);
            }
            return Recorded { duration: Duration::ZERO, bytes: 0, error };
        }
        let bytes = HEADER_BYTES + self.written;
        Recorded { duration: recorded_duration(bytes), bytes, error }
    }
}

/// What people said is nobody else's to read, wherever the folder is and whoever may look into that.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// How much audio a recording of so many bytes holds: none, if there is but its header, or not even that.
pub fn recorded_duration(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_sub(HEADER_BYTES).saturating_mul(1_000) / BYTES_A_SECOND)
}

/// The header of a WAV file: PCM, two channels, 8,000 Hz, 16 bits. Sizes beyond 4 GB, 37 hours, stay at the limit.
fn header(data: u64) -> [u8; HEADER_BYTES as usize] {
    let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let mut header =
        *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\0\0\0\0";
    header[4..8].copy_from_slice(&size(data + HEADER_BYTES - 8));
    header[40..].copy_from_slice(&size(data));
    header
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc::{channel, sync_channel};

    use super::*;

    /// A writer with one ring, and all that it reported once it ended.
    fn written(path: PathBuf, entries: impl IntoIterator<Item = Entry>) -> Vec<Recorded> {
        let (told, reports) = channel();
        let sink = Reports::new(Arc::new(move |report| told.send(report).is_ok()));
        let (alive, ended) = sync_channel(1);
        let mut rings = start(1, sink, Arc::default(), alive).expect("a thread");
        let leg = LegId::for_tests(1);
        let begin = Entry::Begin(Begin { leg, token: 7, spec: RecordingSpec { path } });
        for entry in std::iter::once(begin).chain(entries) {
            assert!(rings[0].push(entry).is_ok());
        }
        drop(rings);
        assert!(ended.recv_timeout(Duration::from_secs(10)).is_err());
        let event = |report: Report| match report.event {
            Event::Recorded(recorded) => recorded,
            other => panic!("{other:?}"),
        };
        reports.try_iter().map(event).collect()
    }

    fn frame(number: u32, value: i16) -> Entry {
        Entry::Frame(
            LegId::for_tests(1),
            number,
            StereoFrame(std::array::from_fn(|index| if index % 2 == 0 { value } else { -value })),
        )
    }

    fn end(frames: u32) -> Entry {
        Entry::End(LegId::for_tests(1), frames)
    }

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("trunkline-recording-{}-{name}.wav", std::process::id()))
    }

    #[test]
    fn frames_become_a_wav_file_and_holes_become_silence() {
        let path = temporary("holes");
        let recorded = written(
            path.clone(),
            (0..120).filter(|number| *number != 60).map(|number| frame(number, 1_000)).chain([end(122)]),
        );
        let bytes = fs::read(&path).expect("a file");
        fs::remove_file(&path).expect("removed");
        assert_eq!(
            recorded,
            [Recorded { duration: Duration::from_millis(2_440), bytes: bytes.len() as u64, error: None }]
        );
        assert_eq!(bytes.len(), 44 + 122 * 640);
        assert_eq!(bytes[4..8], (bytes.len() as u32 - 8).to_le_bytes());
        assert_eq!(bytes[40..44], (bytes.len() as u32 - 44).to_le_bytes());
        let samples: Vec<i16> =
            bytes[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!((samples[0], samples[1]), (1_000, -1_000));
        assert!(samples[60 * 320..61 * 320].iter().all(|sample| *sample == 0));
        assert!(samples[120 * 320..].iter().all(|sample| *sample == 0));
        assert_eq!(samples[119 * 320 + 319], -1_000);
    }

    #[test]
    fn a_full_disk_fails_the_recording_once() {
        let path = temporary("full");
        std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
        let recorded = written(path.clone(), (0..200).map(|number| frame(number, 1)).chain([end(200)]));
        fs::remove_file(&path).expect("the link is still there");
        assert_eq!(
            recorded,
            [Recorded { duration: Duration::ZERO, bytes: 0, error: Some(ErrorKind::StorageFull) }]
        );
    }

    #[test]
    fn a_missing_directory_fails_the_recording_once() {
        let recorded =
            written("/nonexistent/x.wav".into(), (0..60).map(|number| frame(number, 1)).chain([end(60)]));
        assert_eq!(
            recorded.iter().map(|recorded| recorded.error).collect::<Vec<_>>(),
            [Some(ErrorKind::NotFound)]
        );
    }

    #[test]
    fn a_call_without_an_answer_leaves_no_file() {
        let path = temporary("none");
        assert_eq!(
            written(path.clone(), [end(0)]),
            [Recorded { duration: Duration::ZERO, bytes: 0, error: None }]
        );
        assert!(!path.exists());
    }

    #[test]
    fn a_recording_is_nobody_elses_to_read() {
        let path = temporary("private");
        written(path.clone(), (0..60).map(|number| frame(number, 1)).chain([end(60)]));
        let mode = fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
        fs::remove_file(&path).expect("removed");
        assert_eq!(mode, 0o600);
    }

    #[test]
    fn a_worker_that_vanishes_leaves_what_it_gave() {
        let path = temporary("vanished");
        let recorded = written(path.clone(), (0..10).map(|number| frame(number, 1)));
        fs::remove_file(&path).expect("a file");
        assert_eq!(recorded[0].duration, Duration::from_millis(200));
    }
}
