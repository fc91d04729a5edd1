//! Azurite's blob service as a program of ours: started, started again when it dies, ended with us.
//! <https://learn.microsoft.com/azure/storage/common/storage-use-azurite>

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

use super::AzuriteFrom;
use crate::process::{Process, Program, on_path, plain_environment};
use crate::server::LOOPBACK;
use crate::state::{Azure, State, write_private};
use crate::{Error, Result};

/// A running Azurite. Its threads are its own, so it serves the callers of any runtime.
pub(super) struct Azurite {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    state: PathBuf,
    program: Program,
    running: Mutex<Running>,
    /// Where it listens; `None` while it does not.
    address: watch::Sender<Option<Uri>>,
    ends: AtomicBool,
}

#[derive(Default)]
struct Running {
    process: Option<Process>,
    /// The accounts it knows, as `AZURITE_ACCOUNTS` has them: with their keys.
    accounts: String,
}

/// What Azurite lacks, added before it starts.
const PRELOAD: &str = include_str!("../../azurite/preload.cjs");
/// How long it may take until it listens, on a machine with much else to do.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often it is looked after.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long it is left alone after it could not start.
const PAUSE: Duration = Duration::from_secs(2);

impl Azurite {
    /// Starts it, and waits until it listens. Blocks.
    pub(super) fn start(azure: &Azure, from: &AzuriteFrom) -> Result<Self> {
        let folder = azure.subfolder("storage")?;
        let node = on_path("node").ok_or_else(|| Error::Missing {
            program: "Node.js",
            remedy: "Azurite, which Blob Storage is made of, runs on it: https://nodejs.org/en/download".to_owned(),
        })?;
        let main = from.main(azure.folder())?;
        let preload = folder.join("preload.cjs");
        write_private(&preload, PRELOAD.as_bytes())?;
        let certificate = azure.authority().issue(&folder, "azurite", &[LOOPBACK])?;
        let log = azure.subfolder("logs")?.join("azurite.log");

        let mut arguments: Vec<OsString> = vec!["--require".into(), preload.into(), main.into()];
        arguments.extend(["--blobHost", LOOPBACK, "--blobPort", "0"].map(OsString::from));
        // The clients speak newer versions of the protocol than this Azurite knows by name.
        arguments.extend(["--oauth", "basic", "--disableTelemetry", "--skipApiVersionCheck"].map(OsString::from));
        arguments.extend(["--location".into(), folder.join("data").into()]);
        arguments.extend(["--cert".into(), certificate.certificate.into()]);
        arguments.extend(["--key".into(), certificate.key.into()]);
        let mut environment = plain_environment();
        // It reads the source of a copy from another account through the front door.
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
            },
            running: Mutex::default(),
            address: watch::Sender::new(None),
            ends: AtomicBool::new(false),
        });
        shared.restart(&azure.read(accounts))?;
        let watched = shared.clone();
        Ok(Self {
            shared,
            watcher: Some(thread::spawn(move || watched.look_after())),
        })
    }

    /// Lets it know these accounts, by another start if it does not. Blocks.
    pub(super) fn know(&self, accounts: &str) -> Result<()> {
        if self.shared.running().accounts == accounts {
            return Ok(());
        }
        self.shared.restart(accounts)
    }

    /// Where it listens, such as `https://127.0.0.1:41234`; changes when it starts again.
    pub(super) fn address(&self) -> watch::Receiver<Option<Uri>> {
        self.shared.address.subscribe()
    }

    /// kill -9. It starts again.
    pub(super) fn kill(&self) {
        let running = self.shared.running();
        self.shared.address.send_replace(None);
        if let Some(process) = &running.process {
            process.kill();
        }
    }

    /// All that it has said.
    pub(super) fn log(&self) -> String {
        let bytes = fs::read(&self.shared.program.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
        self.shared.running().process = None;
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().expect("nobody panics")
    }

    /// Ends it, if it runs, and starts it with these accounts.
    fn restart(&self, accounts: &str) -> Result<()> {
        let mut running = self.running();
        self.address.send_replace(None);
        running.process = None;
        accounts.clone_into(&mut running.accounts);
        let (process, address) = self.launch(accounts)?;
        running.process = Some(process);
        self.address.send_replace(Some(address));
        Ok(())
    }

    /// Starts it again whenever it has ended, until it is to end.
    fn look_after(&self) {
        while !self.ends.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL);
            let (accounts, status) = {
                let running = self.running();
                let Some(status) = running.process.as_ref().map(Process::ended) else {
                    continue;
                };
                (running.accounts.clone(), status)
            };
            let Some(status) = status else { continue };
            tracing::warn!(%status, "Azurite ended; it is started again");
            if let Err(error) = self.restart(&accounts) {
                tracing::error!(%error, "Azurite cannot be started");
                thread::sleep(PAUSE);
            }
        }
    }

    fn launch(&self, accounts: &str) -> Result<(Process, Uri)> {
        let size = |file| match fs::metadata(file) {
            Ok(file) => Ok(usize::try_from(file.len()).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::file(&self.program.log)(error)),
        };
        let before = size(&self.program.log)?;
        let mut environment = self.program.environment.clone();
        environment.push(("AZURITE_ACCOUNTS".into(), accounts.into()));
        let process = Process::start(
            &Program {
                environment,
                ..self.program.clone()
            },
            &self.state,
        )?;
        let begun = Instant::now();
        loop {
            let said = fs::read(&self.program.log).map_err(Error::file(&self.program.log))?;
            let said = String::from_utf8_lossy(said.get(before..).unwrap_or_default()).into_owned();
            let listens = said.split_once("successfully listens on ");
            // A line that is whole.
            if let Some((address, _)) = listens.and_then(|(_, rest)| rest.split_once('\n')) {
                let address = address.trim().parse();
                let address = address.map_err(|error| Error::failed("Azurite's address", error))?;
                return Ok((process, address));
            }
            if let Some(status) = process.ended() {
                return Err(Error::failed(
                    "Azurite",
                    format!("it ended ({status}); it said:\n{said}"),
                ));
            }
            if begun.elapsed() > START_LIMIT {
                return Err(Error::failed(
                    "Azurite",
                    format!("it does not listen; it said:\n{said}"),
                ));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The accounts of the state, as Azurite takes them.
pub(super) fn accounts(state: &State) -> String {
    let mut accounts: Vec<_> = state
        .storage_accounts
        .iter()
        .map(|account| format!("{}:{}", account.name, account.key))
        .collect();
    if accounts.is_empty() {
        // With none, Azurite would have one of its own, whose key everybody knows.
        accounts.push(format!("none:{}", Uuid::new_v4().simple()));
    }
    accounts.join(";")
}

/// What user delegation keys are made from; kept, so that they survive a restart.
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
