//! Supervises Azurite's blob service.
//! <https://learn.microsoft.com/azure/storage/common/storage-use-azurite>

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::http::Uri;
use tokio::sync::watch;
use uuid::Uuid;

use super::install::AzuriteFrom;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::files::write_private;
use crate::process::{Process, Program, on_path, plain_environment};
use crate::server::LOOPBACK;
use crate::tail::Tail;

/// The two keys of each account, by the accounts' names.
pub(super) type Accounts = BTreeMap<String, [String; 2]>;

/// A running Azurite, which is restarted when it exits. It has its own thread and is independent of any runtime.
pub(super) struct Azurite {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    state: PathBuf,
    program: Program,
    running: Mutex<Running>,
    /// Its address, or `None` while it does not listen.
    address: watch::Sender<Option<Uri>>,
    is_stopping: AtomicBool,
}

#[derive(Default)]
struct Running {
    process: Option<Process>,
    /// The accounts that it was started with.
    accounts: Accounts,
}

/// A script that adds features that Azurite lacks. It is loaded before Azurite.
const PRELOAD: &str = include_str!("../../azurite/preload.cjs");
/// How long it may take to start listening on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often its process is checked.
const INTERVAL: Duration = Duration::from_millis(100);
/// The pause after a failed restart.
const PAUSE: Duration = Duration::from_secs(2);

impl Azurite {
    /// Starts it and waits until it listens. Blocks the thread.
    pub(super) fn start(azure: &Azure, from: &AzuriteFrom, accounts: &Accounts) -> Result<Self> {
        let folder = azure.subfolder("storage")?;
        let node = on_path("node").ok_or_else(|| Error::Missing {
            program: "Node.js",
            remedy: "Azurite, which stores the blobs, runs on it: https://nodejs.org/en/download".to_owned(),
        })?;
        let main = from.main(azure.folder())?;
        let preload = folder.join("preload.cjs");
        write_private(&preload, PRELOAD.as_bytes())?;
        let certificate = azure.authority().issue(&folder, "azurite", &[LOOPBACK])?;
        let log = azure.subfolder("logs")?.join("azurite.log");

        let mut arguments: Vec<OsString> = vec!["--require".into(), preload.into(), main.into()];
        arguments.extend(["--blobHost", LOOPBACK, "--blobPort", "0"].map(OsString::from));
        // Clients use protocol versions that are newer than the ones that this Azurite lists.
        arguments.extend(["--oauth", "basic", "--disableTelemetry", "--skipApiVersionCheck"].map(OsString::from));
        arguments.extend(["--location".into(), folder.join("data").into()]);
        arguments.extend(["--cert".into(), certificate.certificate.into()]);
        arguments.extend(["--key".into(), certificate.key.into()]);
        let mut environment = plain_environment();
        // Azurite reads copy sources in other accounts through the front door.
        environment.push(("NODE_EXTRA_CA_CERTS".into(), azure.authority().file().into()));
        environment.push(("LOCAL_AZURE_DELEGATION_KEY".into(), delegation_key(&folder)?.into()));

        let shared = Arc::new(Shared {
            state: azure.folder().to_owned(),
            program: Program {
                program: node.into(),
                arguments,
                environment,
                folder,
                log,
                stop_signal: "TERM",
                stop_limit: 5,
                prints_times: false,
                in_namespace: false,
            },
            running: Mutex::default(),
            address: watch::Sender::new(None),
            is_stopping: AtomicBool::new(false),
        });
        shared.restart(accounts)?;
        let watched = shared.clone();
        Ok(Self {
            shared,
            watcher: Some(thread::spawn(move || watched.keep_running())),
        })
    }

    /// Restarts it if it runs without one of these accounts, or with other keys. Blocks the thread.
    pub(super) fn set_accounts(&self, accounts: &Accounts) -> Result<()> {
        let running = self.accounts();
        if accounts.iter().all(|(name, keys)| running.get(name) == Some(keys)) {
            return Ok(());
        }
        self.shared.restart(accounts)
    }

    /// The accounts that it runs with, which may include deleted ones.
    pub(super) fn accounts(&self) -> Accounts {
        self.shared.running().accounts.clone()
    }

    /// Its address, such as `https://127.0.0.1:41234`, which changes with each restart.
    pub(super) fn address(&self) -> watch::Receiver<Option<Uri>> {
        self.shared.address.subscribe()
    }

    /// Kills it with SIGKILL. It is restarted.
    pub(super) fn kill(&self) {
        let running = self.shared.running();
        self.shared.address.send_replace(None);
        if let Some(process) = &running.process {
            process.kill();
        }
    }

    /// Its whole log.
    pub(super) fn log(&self) -> String {
        let bytes = fs::read(&self.shared.program.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
        self.shared.running().process = None;
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().expect("no thread panics while holding the lock")
    }

    /// Stops it if it runs, and starts it with these accounts.
    fn restart(&self, accounts: &Accounts) -> Result<()> {
        let mut running = self.running();
        self.address.send_replace(None);
        running.process = None;
        running.accounts.clone_from(accounts);
        let (process, address) = self.launch(accounts)?;
        running.process = Some(process);
        self.address.send_replace(Some(address));
        Ok(())
    }

    /// Restarts it whenever it exits, until the service stops.
    fn keep_running(&self) {
        while !self.is_stopping.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL);
            let (accounts, status) = {
                let running = self.running();
                // There is no process after a restart that failed.
                let status = running
                    .process
                    .as_ref()
                    .map_or(Some(None), |process| process.ended().map(Some));
                (running.accounts.clone(), status)
            };
            let Some(status) = status else { continue };
            if self.is_stopping.load(Ordering::Relaxed) {
                return;
            }
            if let Some(status) = status {
                tracing::warn!(%status, "Azurite exited and is being restarted");
            }
            if let Err(error) = self.restart(&accounts) {
                tracing::error!(%error, "Azurite cannot be restarted");
                thread::sleep(PAUSE);
            }
        }
    }

    fn launch(&self, accounts: &Accounts) -> Result<(Process, Uri)> {
        let log = &self.program.log;
        let mut tail = Tail::from_end(log.clone()).map_err(Error::file(log))?;
        let mut output = String::new();
        let mut environment = self.program.environment.clone();
        environment.push(("AZURITE_ACCOUNTS".into(), self::environment(accounts).into()));
        let process = Process::start(
            &Program {
                environment,
                ..self.program.clone()
            },
            &self.state,
        )?;
        let started = Instant::now();
        loop {
            output += &String::from_utf8_lossy(&tail.read().map_err(Error::file(log))?);
            let listens = output.split_once("successfully listens on ");
            // The address is complete once its line is.
            if let Some((address, _)) = listens.and_then(|(_, rest)| rest.split_once('\n')) {
                let address = address.trim().parse();
                let address = address.map_err(|error| Error::failed("Azurite's address", error))?;
                return Ok((process, address));
            }
            if let Some(status) = process.ended() {
                return Err(Error::failed(
                    "Azurite",
                    format!(
                        "it exited ({status}) with this output:\n{output}\nIts data is in {}. If a file there is damaged, \
                         restore it, or delete the folder, which loses the blobs",
                        self.program.folder.join("data").display()
                    ),
                ));
            }
            if started.elapsed() > START_LIMIT {
                return Err(Error::failed(
                    "Azurite",
                    format!("timed out waiting for it to listen. Its output:\n{output}"),
                ));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The accounts in the form of `AZURITE_ACCOUNTS`.
fn environment(accounts: &Accounts) -> String {
    if accounts.is_empty() {
        // Without any account, Azurite would create its default account, whose key is public.
        return format!("none:{}", Uuid::new_v4().simple());
    }
    let accounts = accounts.iter().map(|(name, [one, two])| format!("{name}:{one}:{two}"));
    accounts.collect::<Vec<_>>().join(";")
}

/// The secret from which user delegation keys are derived. It is stored, so that they survive a restart.
fn delegation_key(folder: &std::path::Path) -> Result<String> {
    let file = folder.join("delegation.key");
    match fs::read_to_string(&file) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            write_private(&file, key.as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(Error::file(file)(error)),
    }
}
