//! Processes photos, and prints how long each took and the most memory that the process used:
//! `cargo run --release --package photo-processing --example measure FILE…`

use std::time::Instant;

fn main() {
    for name in std::env::args().skip(1) {
        let sent = std::fs::read(&name).expect("the file can be read");
        // Forgets the most memory that the process has used (proc(5)).
        std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
        let start = Instant::now();
        let said = match photo_processing::process(&sent) {
            Ok(processed) => format!("{} bytes are stored", processed.photo.len()),
            Err(error) => error.to_string(),
        };
        let time = start.elapsed().as_millis();
        let memory = peak_kib() / 1024;
        println!("{time:>6} ms {memory:>4} MiB  {name}: {said}");
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("a field of this file");
    let number = line.split_whitespace().nth(1).expect("the line has a number");
    number.parse().expect("a number")
}
