//! A program that runs for us, and never outlives us.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::{Error, Result};

/// The variable by which what runs here is known again after a crash of ours: the state folder.
pub(crate) const MARK: &str = "LOCAL_AZURE_STATE";

/// What to run and how.
#[derive(Clone)]
pub struct Program {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// The file that its output is added to.
    pub log: PathBuf,
    /// The signal that asks it to end, such as `TERM`.
    pub stop_signal: &'static str,
    /// How many seconds it has to end, before it is ended.
    pub stop_limit: u64,
}

/// A running program with all that it started. It ends with this value, or with this process, however that ends.
pub struct Process {
    keeper: Arc<Mutex<Child>>,
    /// The program's own process id, which is its process group's too.
    id: u32,
}

/// Runs the program in a session of its own, where no Ctrl-C reaches it; asks it to end when its own input ends, which
/// it does at the latest with the process that started it; and ends what it leaves behind.
///
/// The job is a shell's, since a program that is killed by kill -9 cannot clean up after itself.
const KEEPER: &str = r#"
signal=$1 limit=$2 ready=$3; shift 3
exec 3<&0
setsid "$@" </dev/null 3<&- & child=$!
echo "$child" >"$ready.new"; mv "$ready.new" "$ready"
(
  read -r _ <&3
  kill -s "$signal" "$child" 2>/dev/null
  for _ in $(seq $((limit * 10))); do kill -0 "$child" 2>/dev/null || break; sleep 0.1; done
  kill -s KILL -- "-$child" 2>/dev/null
) >/dev/null 2>&1 & watch=$!
exec 3<&-
wait "$child"; code=$?
kill "$watch" 2>/dev/null
kill -s KILL -- "-$child" 2>/dev/null
exit "$code"
"#;

impl Process {
    /// Starts it. `state` is the folder by which [`clean_up`] knows it again.
    pub fn start(program: &Program, state: &Path) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&program.log)
            .map_err(Error::file(&program.log))?;
        let note = tempfile::tempdir().map_err(Error::file("a temporary folder"))?;
        let ready = note.path().join("id");
        let errors = log.try_clone().map_err(Error::file(&program.log))?;
        let mut keeper = Command::new("/bin/sh");
        keeper
            .args(["-c", KEEPER, "keeper", program.stop_signal])
            .arg(program.stop_limit.to_string())
            .arg(&ready)
            .arg(&program.program)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .env(MARK, state)
            .current_dir(&program.folder)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors);
        std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
        let mut keeper = keeper
            .spawn()
            .map_err(|error| Error::failed("/bin/sh", format!("{}: {error}", program.program.display())))?;
        let id = loop {
            if let Ok(text) = fs::read_to_string(&ready) {
                break text
                    .trim()
                    .parse()
                    .map_err(|error| Error::failed("the keeper", error))?;
            }
            if let Ok(Some(status)) = keeper.try_wait() {
                return Err(Error::failed("the keeper", status));
            }
            thread::sleep(Duration::from_millis(5));
        };
        Ok(Self {
            keeper: Arc::new(Mutex::new(keeper)),
            id,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// How it ended; `None` while it runs. What a shell says of a signal (128 and its number) counts as code.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        self.keeper.lock().expect("nobody panics").try_wait().ok().flatten()
    }

    /// Waits until it has ended by itself or by [`Process::ask_to_stop`].
    pub async fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks it to end, and returns at once; when its limit is over it is ended.
    pub fn ask_to_stop(&self) {
        drop(self.keeper.lock().expect("nobody panics").stdin.take());
    }

    /// kill -9 of the program itself.
    pub fn kill(&self) {
        signal("KILL", &self.id.to_string());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_stop();
        let _ = self.keeper.lock().expect("nobody panics").wait();
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(signal: &str, target: &str) {
    let _ = Command::new("kill")
        .args(["-s", signal, "--", target])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Ends every process of that state folder that an earlier run left behind: where it was killed together with its
/// keepers. How many there were.
#[must_use]
pub fn clean_up(state: &Path) -> usize {
    let mark = [MARK.as_bytes(), b"=", state.as_os_str().as_encoded_bytes()].concat();
    let left = || -> Vec<String> {
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .flatten()
            .filter(|entry| {
                let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == mark)
            })
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|id| *id != std::process::id().to_string())
            .collect()
    };
    let found = left();
    for (patience, name) in [(50, "TERM"), (50, "KILL")] {
        for id in &left() {
            signal(name, id);
        }
        for _ in 0..patience {
            if left().is_empty() {
                return found.len();
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    found.len()
}

/// The environment that a program of ours needs to be found and to find others, and no more.
#[must_use]
pub fn plain_environment() -> Vec<(OsString, OsString)> {
    ["PATH", "HOME", "LANG", "TMPDIR"]
        .into_iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
        .collect()
}

/// Where that program is on the PATH.
#[must_use]
pub fn on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name.as_ref()))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(folder: &Path, script: &str, stop_limit: u64) -> Process {
        let program = Program {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: plain_environment(),
            folder: folder.to_owned(),
            log: folder.join("log"),
            stop_signal: "TERM",
            stop_limit,
        };
        Process::start(&program, folder).unwrap()
    }

    fn until(what: &str, mut there: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !there() {
            assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_there(id: u32) -> bool {
        Path::new("/proc").join(id.to_string()).join("exe").exists()
    }

    #[test]
    fn it_says_how_it_ended_and_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell(folder.path(), "echo out; echo err >&2; exit 3", 5);
        until("it ends", || process.ended().is_some());
        assert_eq!(process.ended().unwrap().code(), Some(3));
        assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "out\nerr\n");
    }

    #[test]
    fn it_is_asked_first_and_ended_then_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let polite = shell(
            folder.path(),
            "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done",
            30,
        );
        until("it traps", || {
            fs::read_to_string(folder.path().join("log")).unwrap().contains("up")
        });
        drop(polite);
        assert!(
            fs::read_to_string(folder.path().join("log"))
                .unwrap()
                .ends_with("bye\n")
        );

        let stubborn = shell(
            folder.path(),
            "trap '' TERM; sleep 600 & echo $! >sleeper.new; mv sleeper.new sleeper; while :; do sleep 1; done",
            1,
        );
        let sleeper = folder.path().join("sleeper");
        until("its child runs", || sleeper.exists());
        let sleeper = fs::read_to_string(sleeper).unwrap().trim().parse().unwrap();
        let id = stubborn.id();
        assert!(is_there(id) && is_there(sleeper));
        drop(stubborn);
        until("both are gone", || !is_there(id) && !is_there(sleeper));
    }

    #[test]
    fn what_was_left_behind_is_found_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(clean_up(folder.path()), 0);
        let process = shell(folder.path(), "sleep 600; :", 5);
        let id = process.id();
        signal("KILL", &process.keeper.lock().unwrap().id().to_string());
        until("the keeper is gone", || process.ended().is_some());
        std::mem::forget(process);
        assert!(is_there(id));
        assert!(clean_up(folder.path()) >= 1);
        assert!(!is_there(id));
    }
}
