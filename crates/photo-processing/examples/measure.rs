//! Processes photos, and prints the processor time of each and the most memory that the process used:
//! `cargo run --release --package photo-processing --example measure FILE…`

fn main() {
    for name in std::env::args().skip(1) {
        let sent = std::fs::read(&name).expect("the file can be read");
        // Forgets the most memory that the process has used (proc(5)).
        std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
        let start = milliseconds();
        let said = match photo_processing::process(&sent) {
            Ok(processed) => format!("{} bytes are stored", processed.photo.len()),
            Err(error) => error.to_string(),
        };
        let time = milliseconds() - start;
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

/// The processor time of the process: the fields 14 and 15, in hundredths of a second (proc(5)).
fn milliseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit_once(')').expect("the name is in parentheses").1;
    let times = after_name.split_whitespace().skip(11).take(2);
    times.map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum()
}
