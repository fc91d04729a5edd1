//! Carries out the commands that arrive at the control socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{RwLock, mpsc};

use super::apps;
use super::environment;
use super::options::Options;
use super::parts::Parts;
use super::progress::Progress;
use super::site::Source;
use super::{roles, screen};
use crate::azure::Azure;
use crate::azure_cli::SignIn;
use crate::command::Command;
use crate::control::CommandHandler;
use crate::entra::refresh_token;
use crate::error::{Error, Result};
use crate::faults::Effect;
use crate::state::{Principal, State, WebApp};
use crate::tokens::{AZURE_CLI, GRAPH, MANAGEMENT, POSTGRES, STORAGE, TOKEN_EXCHANGE};
use crate::tutorial;

/// How often `stop` reports the instances that are still running.
const REPORT_INTERVAL: Duration = Duration::from_secs(3);

/// Carries out commands on the running parts.
#[derive(Clone)]
pub struct Commands(Arc<Inner>);

struct Inner {
    azure: Azure,
    progress: Progress,
    /// `None` until everything except the web app runs.
    parts: RwLock<Option<Arc<Parts>>>,
    /// Whether the web app has been ready.
    ready: AtomicBool,
    down: mpsc::Sender<()>,
}

impl Commands {
    /// Creates it without any running parts. The receiver gets a message when the command `down` arrives.
    pub fn new(azure: Azure, progress: Progress) -> (Self, mpsc::Receiver<()>) {
        let (down, receiver) = mpsc::channel(1);
        let inner = Inner {
            azure,
            progress,
            parts: RwLock::new(None),
            ready: AtomicBool::new(false),
            down,
        };
        (Self(Arc::new(inner)), receiver)
    }

    /// Starts all parts, deploys the web app, waits until it is ready, and injects the faults of the options.
    pub async fn start(&self, options: &Options, source: Option<&Source>) -> Result<()> {
        let Inner { azure, progress, .. } = &*self.0;
        let parts = Parts::start(azure, options, progress).await?;
        let parts = Arc::new(parts);
        *self.0.parts.write().await = Some(parts.clone());
        match source {
            Some(source) => parts.deploy(azure, source, progress).await?,
            None => parts.apps.follow(),
        }
        parts.inject_all(azure, &options.faults).await?;
        self.0.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Stops all parts. Reports the instances that take long.
    pub async fn stop(&self) {
        let Some(parts) = self.0.parts.write().await.take() else {
            return;
        };
        {
            let stopped = parts.stop();
            tokio::pin!(stopped);
            loop {
                tokio::select! {
                    () = &mut stopped => break,
                    () = tokio::time::sleep(REPORT_INTERVAL) => {
                        for instance in parts.apps.stopping() {
                            self.0.progress.report(&format!("waiting for {instance}"));
                        }
                    }
                }
            }
        }
        drop(parts);
    }

    /// Describes the running parts and their addresses.
    pub async fn status(&self) -> String {
        match &*self.0.parts.read().await {
            Some(parts) => self.summary(parts),
            None => self.starting(),
        }
    }

    fn summary(&self, parts: &Parts) -> String {
        let summary = screen::summary(&self.0.azure, parts);
        if self.0.ready.load(Ordering::Relaxed) {
            format!("\nLocal Azure is running.\n{summary}")
        } else {
            format!("\n{}\n{summary}", self.starting())
        }
    }

    fn starting(&self) -> String {
        format!("Local Azure is starting: {}", self.0.progress.latest())
    }

    /// The web app with that name, which defaults to the tutorial's.
    fn app(&self, name: Option<String>) -> Result<String> {
        let state = self.0.azure.state();
        let name = name.unwrap_or_else(|| tutorial::APP.to_owned());
        let found = state.names::<WebApp>().find(|app| app.eq_ignore_ascii_case(&name));
        found.map(str::to_owned).ok_or_else(|| {
            let names: Vec<_> = state.names::<WebApp>().collect();
            let names = names.join(", ");
            Error::Refused(format!("there is no web app {name:?}. The web apps are: {names}"))
        })
    }

    fn principal(&self, name: &str) -> Result<Principal> {
        self.0.azure.read(|state| principal(state, name))
    }

    fn token(&self, principal: &str, resource: &str) -> Result<String> {
        let resource = match resource {
            "oss-rdbms" => POSTGRES,
            "storage" => STORAGE,
            "arm" => MANAGEMENT,
            "graph" => GRAPH,
            url if url.starts_with("https://") => url,
            other => {
                return Err(Error::Refused(format!(
                    "{other:?} is not a resource: use oss-rdbms, storage, arm, graph, or a URL that starts with https://"
                )));
            }
        };
        Ok(self.0.azure.token(&self.principal(principal)?, resource))
    }
}

impl CommandHandler for Commands {
    async fn handle(&self, command: Command) -> Result<String> {
        let azure = &self.0.azure;
        if matches!(command, Command::Down) {
            let _ = self.0.down.send(()).await;
            return Ok("Local Azure is stopping.".to_owned());
        }
        // A command that takes long must not keep others from stopping everything.
        let parts = self.0.parts.read().await.clone();
        let Some(parts) = parts.as_deref() else {
            return match command {
                Command::Status => Ok(self.starting()),
                _ => Err(Error::Refused(format!("{}. Try again later", self.starting()))),
            };
        };
        match command {
            Command::Status => Ok(self.summary(parts)),
            Command::Down => unreachable!("it is handled above"),
            Command::Restart { app } => {
                let app = self.app(app)?;
                parts.apps.restart(&app).await?;
                Ok(format!("{app} is restarting."))
            }
            Command::Scale { app, instances } => {
                let app = self.app(app)?;
                parts.apps.scale(&app, instances).await?;
                let noun = if instances == 1 { "instance" } else { "instances" };
                Ok(format!("{app} now has {instances} {noun}."))
            }
            Command::Faults { faults, clear } => {
                if clear {
                    parts.clear_faults(azure).await?;
                }
                parts.inject_all(azure, &faults).await?;
                let restarted = if faults.iter().any(|fault| fault.effect == Effect::DatabaseRestart) {
                    "PostgreSQL was restarted. "
                } else {
                    ""
                };
                Ok(format!("{restarted}Active faults: {}", azure.faults().active()))
            }
            Command::Role(command) => roles::handle(azure, &parts.control_plane, &command).await,
            Command::Token { principal, resource } => self.token(&principal, &resource),
            Command::Env { app } => {
                let app = app.map(|app| self.app(Some(app))).transpose()?;
                Ok(environment::exports(azure, parts, app.as_deref()))
            }
            Command::RotateKeys => {
                azure.keys().rotate()?;
                Ok("The next key now signs tokens. Tokens signed with the previous key stay valid.".to_owned())
            }
            Command::WorkloadToken { subject } => Ok(parts.entra.workload_token(&subject, TOKEN_EXCHANGE)),
            Command::App(command) => apps::handle(azure, parts, command).await,
            Command::Deploy { app, path, watch: _ } => {
                let app = self.app(Some(app))?;
                apps::deploy(azure, parts, &app, &path).await?;
                Ok(format!("{app} runs the new version."))
            }
            Command::Environment { app } => {
                let environment = parts.apps.environment(&self.app(Some(app))?)?;
                Ok(serde_json::to_string(&environment).expect("text is valid JSON"))
            }
            Command::Outside { url } => parts.entra.outside_url(&url).ok_or_else(|| {
                Error::Refused(format!(
                    "{url} is not a page of Local Azure: open it in a browser outside of this shell if you trust it"
                ))
            }),
            Command::SignIn => {
                let developer = self.principal(tutorial::ADMINISTRATOR)?;
                let state = azure.state();
                let client = AZURE_CLI.parse().expect("it is a GUID");
                let sign_in = SignIn {
                    tenant: state.tenant,
                    subscription: state.subscription,
                    user: developer.id,
                    name: developer.display_name.clone(),
                    refresh_token: refresh_token(azure, &developer, client),
                };
                Ok(serde_json::to_string(&sign_in).expect("it is valid JSON"))
            }
        }
    }
}

fn principal(state: &State, name: &str) -> Result<Principal> {
    state.find_principal(name).ok_or_else(|| {
        Error::Refused(format!(
            "there is no user, group, application or managed identity {name:?}"
        ))
    })
}
