//! The records and the logs of an app's deployments.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::log::append;
use crate::error::{Error, Result};
use crate::files::write_private;
use crate::log_time;

/// How many deployments are remembered.
const LIMIT: usize = 30;

/// How far a deployment has come. The numbers are Kudu's.
/// <https://github.com/projectkudu/kudu/blob/master/Kudu.Contracts/Deployment/DeployStatus.cs>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentStatus {
    /// The package has arrived.
    Pending = 0,
    /// It is unpacked and built.
    Building = 1,
    /// Its instances are starting.
    Deploying = 2,
    /// It was not built, or did not start. A version that ran before still runs.
    Failed = 3,
    /// It is deployed.
    Successful = 4,
}

/// Who deploys, and how.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The kind of the deployment, such as `ZipDeploy`.
    pub deployer: &'static str,
    /// The name of the caller.
    pub author: String,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// How far it has come.
    pub status: DeploymentStatus,
    /// The kind of the deployment, such as `ZipDeploy`.
    pub deployer: String,
    /// Who deployed.
    pub author: String,
    /// When the package arrived, such as `2026-01-01T00:00:00.000Z`.
    pub received: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Why it failed. A deployment may also succeed although the app does not start yet, see [`Deployment::is_started`].
    pub failure: Option<String>,
    /// Whether it failed after the build, when its instances were started.
    pub is_built: bool,
    /// Whether all its instances have started. A stopped app has none.
    pub is_started: bool,
    /// The folder of its files.
    pub(super) version: Option<PathBuf>,
}

impl Deployment {
    /// Whether it has ended.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.status, DeploymentStatus::Failed | DeploymentStatus::Successful)
    }
}

/// A line of a deployment's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentLine {
    /// The time, such as `2026-01-01T00:00:00.000Z`.
    pub time: String,
    /// The text.
    pub text: String,
}

/// The deployments of an app, in its folder.
pub(super) struct Deployments {
    folder: PathBuf,
    /// Oldest first.
    all: Mutex<Vec<Deployment>>,
    changes: watch::Sender<()>,
}

impl Deployments {
    /// Reads the deployments in the folder. Those that a killed process did not finish have failed.
    pub(super) fn open(folder: PathBuf) -> Self {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        let records = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
        let mut all: Vec<Deployment> = records
            .filter_map(|file| serde_json::from_slice(&fs::read(file).ok()?).ok())
            .collect();
        all.sort_by(|a, b| a.received.cmp(&b.received));
        for deployment in &mut all {
            if !deployment.is_complete() {
                deployment.status = DeploymentStatus::Failed;
                deployment.failure = Some("Local Azure ended during the deployment. Deploy again.".to_owned());
                deployment.ended = Some(log_time::now());
            }
        }
        Self {
            folder,
            all: Mutex::new(all),
            changes: watch::Sender::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Deployment>> {
        self.all.lock().expect("no thread panics while holding the lock")
    }

    /// All deployments, newest first.
    pub(super) fn all(&self) -> Vec<Deployment> {
        self.lock().iter().rev().cloned().collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<Deployment> {
        self.lock().iter().find(|one| one.id == id).cloned()
    }

    /// Records a new deployment.
    ///
    /// # Errors
    ///
    /// Another one has not ended.
    pub(super) fn begin(&self, origin: Origin) -> Result<Deployment> {
        let deployment = Deployment {
            id: Uuid::new_v4().simple().to_string(),
            status: DeploymentStatus::Pending,
            deployer: origin.deployer.to_owned(),
            author: origin.author,
            received: log_time::now(),
            ended: None,
            failure: None,
            is_built: false,
            is_started: false,
            version: None,
        };
        let mut all = self.lock();
        if let Some(other) = all.iter().find(|one| !one.is_complete()) {
            return Err(Error::Refused(format!(
                "another deployment, {}, is in progress: wait until it has ended",
                other.id
            )));
        }
        write(&self.folder, &deployment)?;
        all.push(deployment.clone());
        while all.len() > LIMIT {
            let oldest = all.remove(0);
            for file in [self.record(&oldest.id), self.log_file(&oldest.id)] {
                let _ = fs::remove_file(file);
            }
        }
        drop(all);
        self.changes.send_replace(());
        Ok(deployment)
    }

    /// Changes a deployment.
    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Deployment)) {
        let mut all = self.lock();
        if let Some(deployment) = all.iter_mut().find(|one| one.id == id) {
            change(deployment);
            if let Err(error) = write(&self.folder, deployment) {
                tracing::warn!("{error}");
            }
        }
        drop(all);
        self.changes.send_replace(());
    }

    /// Waits until the deployment meets the condition. Returns `None` if there is no such deployment.
    pub(super) async fn wait_until(&self, id: &str, is_met: impl Fn(&Deployment) -> bool) -> Option<Deployment> {
        let mut changes = self.changes.subscribe();
        loop {
            let deployment = self.get(id)?;
            if is_met(&deployment) {
                return Some(deployment);
            }
            let _ = changes.changed().await;
        }
    }

    /// Waits until no deployment is in progress.
    pub(super) async fn wait_idle(&self) {
        let mut changes = self.changes.subscribe();
        while !self.lock().iter().all(Deployment::is_complete) {
            let _ = changes.changed().await;
        }
    }

    /// The file of a deployment's log.
    pub(super) fn log_file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.log"))
    }

    fn record(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Appends lines to a deployment's log.
    pub(super) fn log(&self, id: &str, message: &str) {
        append(&self.log_file(id), message);
    }

    /// The log of a deployment.
    pub(super) fn lines(&self, id: &str) -> Vec<DeploymentLine> {
        let text = fs::read(self.log_file(id)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().map(|line| {
            let (time, text) = log_time::split(line);
            DeploymentLine {
                time,
                text: text.to_owned(),
            }
        });
        lines.collect()
    }
}

fn write(folder: &Path, deployment: &Deployment) -> Result<()> {
    let text = serde_json::to_vec_pretty(deployment).expect("a deployment can be written as JSON");
    write_private(&folder.join(format!("{}.json", deployment.id)), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            deployer: "ZipDeploy",
            author: "ada".to_owned(),
        }
    }

    #[test]
    fn deployments_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Deployments::open(folder.path().to_owned());
        let deployments = open();
        let first = deployments.begin(origin()).unwrap();
        assert!(deployments.begin(origin()).is_err(), "another one is in progress");
        deployments.log(&first.id, "one\ntwo");
        deployments.change(&first.id, |one| one.status = DeploymentStatus::Successful);
        let second = deployments.begin(origin()).unwrap();
        // The process is killed here.
        let deployments = open();
        let all: Vec<_> = deployments.all().into_iter().map(|one| (one.id, one.status)).collect();
        assert_eq!(
            all,
            [
                (second.id, DeploymentStatus::Failed),
                (first.id.clone(), DeploymentStatus::Successful)
            ]
        );
        let lines: Vec<_> = deployments.lines(&first.id).into_iter().map(|line| line.text).collect();
        assert_eq!(lines, ["one", "two"]);
        for _ in 0..LIMIT {
            let one = deployments.begin(origin()).unwrap();
            deployments.change(&one.id, |one| one.status = DeploymentStatus::Successful);
        }
        assert_eq!(deployments.all().len(), LIMIT);
        assert!(deployments.get(&first.id).is_none() && deployments.lines(&first.id).is_empty());
    }
}
