//! Files that are made to take much memory or time. Each is processed in a process of its own, whose memory and processor
//! time are measured; docs/photos.md has the figures.

mod bits;
mod deflate;
mod icc;
mod jpeg;
mod png;
mod webp;

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use photo_processing::process;

/// The most memory that a photo may take, above that of an idle process, in KiB.
const MEMORY: u64 = 250 << 10;
/// The most processor time in a release build. The crates that decode are optimised in debug builds too, but not as much,
/// and their arithmetic is checked.
const TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 15 } else { 3 });
/// The largest file that a site takes by default.
const LARGEST: usize = 10 << 20;
/// In the environment of a process that is to be measured: the file to process.
const FILE: &str = "HOSTILE_FILE";
/// What a line with the figures starts with.
const FIGURES: &str = "figures:";
/// A clock tick of /proc/self/stat is 10 ms on every Linux (proc(5), sysconf(3)).
const TICK: Duration = Duration::from_millis(10);

/// A file and what becomes of it: the beginning of the message with which it is refused, or nothing.
type Case = (&'static str, Vec<u8>, &'static str);

fn assert_bounded(cases: Vec<Case>) {
    let mut faults = Vec::new();
    for (name, file, expected) in cases {
        assert!(file.len() <= LARGEST, "{name} has {} bytes", file.len());
        let figures = figures(&file);
        println!(
            "{:>5} ms {:>4} MiB  {name}, {} bytes: {}",
            figures.time.as_millis(),
            figures.memory >> 10,
            file.len(),
            figures.message
        );
        let as_expected = figures.message.starts_with(expected) && figures.message.is_empty() == expected.is_empty();
        if !as_expected || figures.memory > MEMORY || figures.time > TIME {
            faults.push(format!("{name}: {figures:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What it took to process a file.
#[derive(Debug)]
struct Figures {
    time: Duration,
    /// In KiB.
    memory: u64,
    /// Empty if the file was taken.
    message: String,
}

/// Processes the file in a process of its own.
fn figures(file: &[u8]) -> Figures {
    let mut sent = tempfile::NamedTempFile::new().unwrap();
    sent.write_all(file).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::in_a_process_of_its_own", "--nocapture"])
        .env(FILE, sent.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| Some(line.split_once(FIGURES)?.1));
    let line = line.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    let [ticks, memory, message] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    Figures {
        time: ticks.parse::<u32>().unwrap() * TICK,
        memory: memory.parse().unwrap(),
        message: message.to_owned(),
    }
}

#[test]
fn in_a_process_of_its_own() {
    let Some(name) = std::env::var_os(FILE) else {
        return;
    };
    let (idle, before) = (memory("VmRSS:"), ticks());
    let message = match process(&std::fs::read(name).unwrap()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let (peak, after) = (memory("VmHWM:"), ticks());
    println!("{FIGURES}{} {} {message}", after - before, peak - idle);
}

/// This field of the process, in KiB.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The processor time of the process so far: the fields 14 and 15 (proc(5)).
fn ticks() -> u32 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, which may have spaces, is in parentheses.
    let after_name = stat.rsplit_once(')').unwrap().1;
    let times = after_name.split_whitespace().skip(11).take(2);
    times.map(|ticks| ticks.parse::<u32>().unwrap()).sum()
}
