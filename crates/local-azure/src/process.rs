//! Supervises programs so that they do not outlive this process.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, PipeReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::error::{Error, Result};
use crate::log_time;

/// The environment variable that marks each program with its state folder, so that [`clean_up`] finds the programs that
/// a killed process left behind.
pub(crate) const MARK: &str = "LOCAL_AZURE_STATE";

/// A program to run, and how to run it.
#[derive(Clone)]
pub struct Program {
    /// The program's path.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub folder: PathBuf,
    /// The file that its output is appended to.
    pub log: PathBuf,
    /// The signal that asks it to exit, such as `TERM`.
    pub stop_signal: &'static str,
    /// How many seconds it has to exit before it is killed.
    pub stop_limit: u64,
    /// Whether it starts the lines of its output with the time. If it does not, the times are added.
    pub prints_times: bool,
    /// Whether it only waits for a child, which is the first process of a process namespace. The signals are for the child.
    pub in_namespace: bool,
}

/// A running program and everything that it started. It ends when this value is dropped, or when this process ends,
/// even if this process is killed.
pub struct Process {
    supervisor: Arc<Mutex<Child>>,
    /// Copies the output to the log, with times.
    copier: Option<JoinHandle<()>>,
    /// When [`Process::ended`] first noticed the end.
    noticed: Mutex<Option<Instant>>,
    /// The process id of the program, which is also the id of its session and process group.
    session: u32,
    /// The process that the signals are for: the program, or the first process of its namespace.
    first: u32,
}

/// Runs the program in its own session, where it does not receive Ctrl-C. When this script's standard input is closed,
/// the script asks the program to exit, and then kills the processes that are left. The input is closed at the latest
/// when the process that started the script ends.
///
/// A separate shell does this because a process that is killed with SIGKILL cannot clean up after itself.
const SUPERVISOR: &str = r#"
exec 2>&1 3<&0
signal=$1 limit=$2 ready=$3 in_namespace=$4; shift 4
setsid "$@" </dev/null 3<&- & child=$!
echo "$child" >"$ready.new"; mv "$ready.new" "$ready"
(
  read -r _ <&3
  target=$child
  [ "$in_namespace" = false ] || target=$(cat "/proc/$child/task/$child/children")
  kill -s "$signal" ${target:-"$child"} 2>/dev/null
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
    /// Starts the program. [`clean_up`] finds it by the folder `state`.
    pub fn start(program: &Program, state: &Path) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&program.log)
            .map_err(Error::file(&program.log))?;
        let temporary = tempfile::tempdir().map_err(Error::file("a temporary folder"))?;
        let ready = temporary.path().join("id");
        let (copier, output): (_, Stdio) = if program.prints_times {
            (None, log.into())
        } else {
            let (reader, writer) = io::pipe().map_err(|error| Error::failed("a pipe", error))?;
            (Some(thread::spawn(move || copy_lines(reader, log))), writer.into())
        };
        let mut supervisor = Command::new("/bin/sh");
        supervisor
            .args(["-c", SUPERVISOR, "supervisor", program.stop_signal])
            .arg(program.stop_limit.to_string())
            .arg(&ready)
            .arg(program.in_namespace.to_string())
            .arg(&program.program)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .env(MARK, state)
            .current_dir(&program.folder)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut supervisor, 0);
        let mut supervisor = supervisor
            .spawn()
            .map_err(|error| Error::failed("/bin/sh", format!("{}: {error}", program.program.display())))?;
        let session = loop {
            if let Ok(text) = fs::read_to_string(&ready) {
                break text
                    .trim()
                    .parse()
                    .map_err(|error| Error::failed("the supervisor", error))?;
            }
            if let Ok(Some(status)) = supervisor.try_wait() {
                return Err(Error::failed("the supervisor", status));
            }
            thread::sleep(Duration::from_millis(5));
        };
        let first = if program.in_namespace {
            first_child(session, &mut supervisor)
        } else {
            session
        };
        Ok(Self {
            supervisor: Arc::new(Mutex::new(supervisor)),
            copier,
            noticed: Mutex::new(None),
            session,
            first,
        })
    }

    /// The process id of the program, or of the first process in its namespace.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.first
    }

    /// The id of the session that contains all of its processes.
    #[must_use]
    pub(crate) fn session(&self) -> u32 {
        self.session
    }

    /// Its exit status, or `None` while it runs. If a signal ended it, the exit code is 128 plus the signal's number. When
    /// it has ended, its log is complete, unless a process that left its group still writes to it.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        const LOG_LIMIT: Duration = Duration::from_secs(1);
        let mut supervisor = self.supervisor.lock().expect("no thread panics while holding the lock");
        let status = supervisor.try_wait().ok().flatten()?;
        let mut noticed = self.noticed.lock().expect("no thread panics while holding the lock");
        let noticed = noticed.get_or_insert_with(Instant::now);
        (self.copier.as_ref().is_none_or(JoinHandle::is_finished) || noticed.elapsed() > LOG_LIMIT).then_some(status)
    }

    /// Waits until it has ended, on its own or because of [`Process::ask_to_stop`].
    pub async fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks it to exit and returns immediately. If it does not exit within its time limit, it is killed.
    pub fn ask_to_stop(&self) {
        drop(
            self.supervisor
                .lock()
                .expect("no thread panics while holding the lock")
                .stdin
                .take(),
        );
    }

    /// Sends SIGKILL to the program itself.
    pub fn kill(&self) {
        signal(Signal::KILL, self.first);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_stop();
        let status = self
            .supervisor
            .lock()
            .expect("no thread panics while holding the lock")
            .wait();
        // A supervisor that was killed could not end the program.
        if status.is_ok_and(|status| status.signal().is_some()) {
            let group = Pid::from_raw(self.session.cast_signed());
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        }
        while self.ended().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The first child of a process. If it ends without one, the process itself.
fn first_child(parent: u32, supervisor: &mut Child) -> u32 {
    let children = format!("/proc/{parent}/task/{parent}/children");
    loop {
        let ids = fs::read_to_string(&children).unwrap_or_default();
        if let Some(Ok(id)) = ids.split_whitespace().next().map(str::parse) {
            return id;
        }
        if !matches!(supervisor.try_wait(), Ok(None)) {
            return parent;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Copies the output of a program to its log, until every process that writes to it has ended. Each line gets its time.
fn copy_lines(mut output: PipeReader, mut log: File) {
    /// A longer line is divided.
    const LONGEST: usize = 64 << 10;
    let mut buffer = vec![0; LONGEST];
    let mut line = Vec::new();
    loop {
        match output.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        let complete = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let end = if complete == 0 && line.len() >= LONGEST {
            line.len()
        } else {
            complete
        };
        let rest = line.split_off(end);
        write_lines(&line, &mut log);
        line = rest;
    }
    write_lines(&line, &mut log);
}

/// Appends these lines to the log. A full disk must not stop the program, so errors are ignored.
fn write_lines(lines: &[u8], log: &mut File) {
    let now = log_time::now();
    let mut text = Vec::with_capacity(lines.len() + 64);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        text.extend_from_slice(now.as_bytes());
        text.push(b' ');
        text.extend_from_slice(line);
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let _ = log.write_all(&text);
}

/// Sends a signal to a process, unless it has ended.
pub(crate) fn signal(signal: Signal, process: u32) {
    let process = Pid::from_raw(process.cast_signed());
    let _ = process.map(|process| kill_process(process, signal));
}

/// Ends every process that an earlier run with that state folder left behind. That happens if a run is killed together
/// with its supervisors. Returns the number of processes.
#[must_use]
pub fn clean_up(state: &Path) -> usize {
    let mark = [MARK.as_bytes(), b"=", state.as_os_str().as_encoded_bytes()].concat();
    let remaining = || -> Vec<u32> {
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .flatten()
            .filter(|entry| {
                let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == mark)
            })
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|id| *id != std::process::id())
            .collect()
    };
    let found = remaining();
    for how in [Signal::TERM, Signal::KILL] {
        for id in remaining() {
            signal(how, id);
        }
        for _ in 0..50 {
            if remaining().is_empty() {
                return found.len();
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    found.len()
}

/// The minimal environment in which a program finds other programs and its user's files.
#[must_use]
pub fn plain_environment() -> Vec<(OsString, OsString)> {
    ["PATH", "HOME", "LANG", "TMPDIR"]
        .into_iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
        .collect()
}

/// Finds a program in the folders of PATH.
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
            prints_times: false,
            in_namespace: false,
        };
        Process::start(&program, folder).unwrap()
    }

    fn until(what: &str, mut is_met: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_met() {
            assert!(started.elapsed() < Duration::from_mins(1), "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_running(id: u32) -> bool {
        Path::new("/proc").join(id.to_string()).join("exe").exists()
    }

    #[test]
    fn its_exit_status_and_output_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell(folder.path(), "echo out; echo err >&2; printf 'no end'; exit 3", 5);
        until("it ends", || process.ended().is_some());
        assert_eq!(process.ended().unwrap().code(), Some(3));
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        let lines: Vec<_> = log.lines().map(log_time::split).collect();
        assert!(lines.iter().all(|(time, _)| !time.is_empty()), "{log}");
        assert_eq!(
            lines.iter().map(|(_, text)| *text).collect::<Vec<_>>(),
            ["out", "err", "no end"]
        );
    }

    #[test]
    fn it_is_asked_to_exit_before_it_is_killed_with_all_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let polite = shell(
            folder.path(),
            "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done",
            30,
        );
        until("it has set its trap", || {
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
        assert!(is_running(id) && is_running(sleeper));
        drop(stubborn);
        until("both are gone", || !is_running(id) && !is_running(sleeper));
    }

    #[test]
    fn processes_that_were_left_behind_are_found_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(clean_up(folder.path()), 0);
        let process = shell(folder.path(), "sleep 600; :", 5);
        let id = process.id();
        signal(Signal::KILL, process.supervisor.lock().unwrap().id());
        until("the supervisor is gone", || process.ended().is_some());
        std::mem::forget(process);
        assert!(is_running(id));
        assert!(clean_up(folder.path()) >= 1);
        assert!(!is_running(id));
    }
}
