//! Runs the detector and Asterisk's rule over labelled recordings and prints the same figures for each.
//!
//! `cargo run --release -p trunkline-media --example amd_eval -- labels.csv directory`
//!
//! The CSV has a header with at least `file,label,sublabel,beep_ms,beep_dur_ms`; files are 8 kHz mono PCM16 WAV. The answer
//! is 20 ms before their first sample.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use trunkline_media::amd::{Cause, Class, Detector, Params, Tone, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(labels), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: amd_eval labels.csv directory [--verbose]".into());
    };
    let verbose = arguments.next().is_some_and(|flag| flag == "--verbose");
    let recordings = load(&std::fs::read_to_string(labels)?, Path::new(&directory))?;
    let rules = [
        ("trunkline", Params::default()),
        ("asterisk default", Params::asterisk()),
        ("vicidial", Params::vicidial()),
    ];
    println!("{} recordings, {:.1} min", recordings.len(), minutes(&recordings));
    println!(
        "{:17} {:>12} {:>24} {:>15} {:>9} {:>13} {:>13}",
        "rule",
        "humans kept",
        "human->machine [95 %]",
        "machines found",
        "balanced",
        "human t50/95",
        "machine t50/95"
    );
    let runs: Vec<_> = rules.iter().map(|(name, params)| (*name, run(&recordings, params))).collect();
    for (name, heard) in &runs {
        summary(&format!("{name}, first"), &recordings, heard, |verdicts| verdicts.first());
        summary(&format!("{name}, final"), &recordings, heard, |verdicts| verdicts.last());
    }
    for (name, heard) in &runs {
        println!("\n{name}: final verdicts by kind of recording");
        confusion(&recordings, heard);
    }
    beeps(&recordings, &runs[0].1);
    if verbose {
        for (recording, verdicts) in recordings.iter().zip(&runs[0].1) {
            println!("{}", recording.file);
            for verdict in verdicts {
                println!("    {:5} ms  {verdict}", verdict.at_ms);
            }
        }
    }
    Ok(())
}

/// A recording and what it is.
struct Recording {
    file: String,
    label: String,
    sublabel: String,
    beep_ms: Option<(u32, u32)>,
    samples: Vec<i16>,
}

impl Recording {
    fn is_human(&self) -> bool {
        self.label == "human"
    }

    fn is_automated(&self) -> bool {
        matches!(self.label.as_str(), "machine" | "ivr" | "announcement" | "screening")
    }
}

fn load(labels: &str, directory: &Path) -> Result<Vec<Recording>, Box<dyn Error>> {
    let mut lines = labels.lines();
    let header: Vec<&str> = lines.next().ok_or("no header")?.split(',').collect();
    let column =
        |name: &str| header.iter().position(|&field| field == name).ok_or(format!("no column {name}"));
    let (file, label, sublabel) = (column("file")?, column("label")?, column("sublabel")?);
    let (beep, length) = (column("beep_ms")?, column("beep_dur_ms")?);
    lines
        .map(|line| {
            // Only the free text at the end of a line is ever quoted.
            let fields: Vec<&str> = line.split(',').collect();
            let field = |at: usize| fields.get(at).copied().ok_or(format!("short line: {line}"));
            let beep_ms = field(beep)?.parse().ok().zip(field(length)?.parse().ok());
            Ok(Recording {
                file: field(file)?.to_owned(),
                label: field(label)?.to_owned(),
                sublabel: field(sublabel)?.to_owned(),
                beep_ms,
                samples: samples(&std::fs::read(directory.join(field(file)?))?)?,
            })
        })
        .collect()
}

/// The samples of a PCM16 mono WAV at 8 kHz.
fn samples(wav: &[u8]) -> Result<Vec<i16>, Box<dyn Error>> {
    let mut rest = wav.get(12..).ok_or("not a WAV file")?;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes(head[4..8].try_into()?) as usize;
        if head.starts_with(b"data") {
            let data = &body[..length.min(body.len())];
            return Ok(data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect());
        }
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    Err("no data chunk".into())
}

fn minutes(recordings: &[Recording]) -> f64 {
    recordings.iter().map(|recording| recording.samples.len()).sum::<usize>() as f64 / 8000.0 / 60.0
}

fn run(recordings: &[Recording], params: &Params) -> Vec<Vec<Verdict>> {
    recordings
        .iter()
        .map(|recording| {
            let mut detector = Detector::new(params.clone());
            detector.answered();
            // As on a call: the jitter buffer makes up a frame before the first packet's.
            detector.push_made_up(&[0; 160]);
            recording.samples.chunks(160).filter_map(|packet| detector.push(packet)).collect()
        })
        .collect()
}

/// Whether a dialer would treat the call as no person.
fn says_machine(verdict: &Verdict) -> bool {
    matches!(verdict.class, Class::Machine | Class::Voicemail | Class::Fax | Class::NetworkAnnouncement)
}

fn summary(
    name: &str,
    recordings: &[Recording],
    heard: &[Vec<Verdict>],
    pick: impl Fn(&[Verdict]) -> Option<&Verdict>,
) {
    // Ringing is no answer: what counts is what came after it.
    let picked = |of: fn(&Recording) -> bool| {
        recordings.iter().zip(heard).filter(move |(recording, _)| of(recording)).map(|(_, verdicts)| {
            let settled: Vec<_> =
                verdicts.iter().filter(|verdict| verdict.class != Class::Ringback).cloned().collect();
            pick(&settled).cloned()
        })
    };
    let humans: Vec<_> = picked(Recording::is_human).collect();
    let machines: Vec<_> = picked(Recording::is_automated).collect();
    let lost = humans.iter().flatten().filter(|verdict| says_machine(verdict)).count();
    let found: Vec<_> = machines.iter().flatten().filter(|verdict| says_machine(verdict)).collect();
    let people: Vec<_> = humans.iter().flatten().filter(|verdict| verdict.class == Class::Human).collect();
    let kept = 1.0 - share(lost, humans.len());
    let (low, high) = wilson(lost, humans.len());
    let times = |verdicts: &[&Verdict]| {
        let mut at: Vec<u32> = verdicts.iter().map(|verdict| verdict.at_ms).collect();
        at.sort_unstable();
        let quantile = |q: usize| at.get(at.len() * q / 100).map_or(f64::NAN, |&ms| f64::from(ms) / 1000.0);
        format!("{:.2} / {:.2} s", quantile(50), quantile(95))
    };
    println!(
        "{name:24} {:>5.1} % {:>5.1} % [{:>4.1}, {:>4.1}] {:>12.1} % {:>9.1} % {:>14} {:>14}",
        kept * 100.0,
        (1.0 - kept) * 100.0,
        low * 100.0,
        high * 100.0,
        share(found.len(), machines.len()) * 100.0,
        (kept + share(found.len(), machines.len())) * 50.0,
        times(&people),
        times(&found),
    );
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

/// Wilson's score interval at 95 %.
fn wilson(part: usize, of: usize) -> (f64, f64) {
    let (p, n, z) = (share(part, of), of.max(1) as f64, 1.96);
    let centre = p + z * z / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - reach) / (1.0 + z * z / n), (centre + reach) / (1.0 + z * z / n))
}

fn confusion(recordings: &[Recording], heard: &[Vec<Verdict>]) {
    let mut rows: BTreeMap<(&str, &str), BTreeMap<String, usize>> = BTreeMap::new();
    for (recording, verdicts) in recordings.iter().zip(heard) {
        let said = verdicts.last().map_or("nothing".to_owned(), |verdict| format!("{:?}", verdict.class));
        *rows.entry((&recording.label, &recording.sublabel)).or_default().entry(said).or_default() += 1;
    }
    for ((label, sublabel), said) in rows {
        let counts: Vec<String> = said.iter().map(|(class, count)| format!("{class} {count}")).collect();
        println!("  {label:13} {sublabel:20} {}", counts.join(", "));
    }
}

/// A beep is found if a verdict names one between its start and 1.2 s after its end.
fn beeps(recordings: &[Recording], heard: &[Vec<Verdict>]) {
    let (mut real, mut found, mut false_ones) = (0, 0, 0);
    for (recording, verdicts) in recordings.iter().zip(heard) {
        let named = verdicts.iter().filter(|verdict| matches!(verdict.cause, Cause::Tone(Tone::Beep { .. })));
        let window = recording.beep_ms.map(|(from, length)| from..from + length + 1200);
        let (right, wrong): (Vec<_>, Vec<_>) =
            named.partition(|verdict| window.as_ref().is_some_and(|window| window.contains(&verdict.at_ms)));
        real += usize::from(window.is_some());
        found += usize::from(!right.is_empty());
        false_ones += wrong.len();
        if window.is_some() && right.is_empty() {
            println!("  missed: {}", recording.file);
        }
        for verdict in wrong {
            println!("  false: {} at {} ms, {:?}", recording.file, verdict.at_ms, verdict.cause);
        }
    }
    println!("\nbeeps: {found} of {real} found, {false_ones} false in {:.1} min", minutes(recordings));
}
