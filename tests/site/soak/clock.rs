//! The clock as a process of the site sees it: libfaketime, loaded into that process alone, adds to it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// How far a clock is stepped, in seconds: further than the age at which the site removes photos without a review.
pub const STEP: i64 = 2 * 60 * 60;

/// The clocks of the site's processes, by the processes' names.
pub struct Clocks {
    preloaded: PathBuf,
    folder: TempDir,
}

impl Clocks {
    pub fn new() -> Self {
        let folders = fs::read_dir("/usr/lib").unwrap();
        let mut files = folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
        Self {
            preloaded: files
                .find(|file| file.is_file())
                .expect("libfaketime is installed. On Debian or Ubuntu: sudo apt-get install faketime"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The variables that give a process the clock with that name.
    pub fn environment(&self, name: &str) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", self.preloaded.display().to_string()),
            (
                "FAKETIME_TIMESTAMP_FILE",
                self.folder.path().join(name).display().to_string(),
            ),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// A process with such a clock was started.
    pub fn note(&self, process: u32) {
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join(PROCESSES));
        writeln!(file.unwrap(), "{process}").unwrap();
    }

    /// A script that runs its arguments with the clock whose name is the first of them.
    pub fn script(&self) -> PathBuf {
        let file = self.folder.path().join("with-clock.sh");
        let folder = self.folder.path().display();
        let mut script = format!("[ -e {folder}/$1 ] || echo +0 >{folder}/$1\necho $$ >>{folder}/{PROCESSES}\n");
        for (name, value) in self.environment("$1") {
            let _ = writeln!(script, "export {name}={value}");
        }
        script.push_str("shift\nexec \"$@\"\n");
        fs::write(&file, script).unwrap();
        file
    }

    /// Sets the clock of the process with that name to this many seconds from now. The process notices within a second.
    pub fn step(&self, name: &str, seconds: i64) {
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{seconds:+}\n")).unwrap();
        fs::rename(new, self.folder.path().join(name)).unwrap();
    }
}

/// The file with the ids of the processes.
const PROCESSES: &str = "processes";

impl Drop for Clocks {
    /// Removes the shared memory that libfaketime does not remove if its process is killed.
    fn drop(&mut self) {
        let processes = fs::read_to_string(self.folder.path().join(PROCESSES)).unwrap_or_default();
        for id in processes.lines() {
            for file in [format!("faketime_shm_{id}"), format!("sem.faketime_sem_{id}")] {
                let _ = fs::remove_file(Path::new("/dev/shm").join(file));
            }
        }
    }
}
