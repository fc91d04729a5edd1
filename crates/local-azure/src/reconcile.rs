//! Keeps what runs equal to the state.
//!
//! Each resource that runs, such as a PostgreSQL server or a web app, has a task that follows the state. It starts,
//! changes and stops what belongs to the resource, and ends when the resource is deleted. Whoever changes the state does
//! not have to tell anybody, and no resource waits for another one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::azure::Azure;
use crate::state::View;

/// The longest pause before a task that has ended is started again.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs a task for each resource of the view's type, with the resource's name in lower case, until the future is dropped
/// or the process ends. The task ends when its resource has been deleted and nothing of it is left. A new task starts if a
/// resource of that name is created again.
pub(crate) async fn each<V, F>(azure: &Azure, task: impl Fn(String) -> F + Clone + Send + 'static)
where
    V: View + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut changes = azure.changes();
    let running = Arc::new(Mutex::new(BTreeSet::new()));
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let state = changes.borrow_and_update().clone();
        for resource in state.all::<V>() {
            let name = resource.name().to_ascii_lowercase();
            if !running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(name.clone())
            {
                continue;
            }
            let (azure, running, task) = (azure.clone(), running.clone(), task.clone());
            tasks.spawn(async move {
                let mut changes = azure.changes();
                loop {
                    changes.mark_unchanged();
                    task(name.clone()).await;
                    {
                        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
                        if azure.state().find::<V>(&name).is_none() {
                            running.remove(&name);
                            return;
                        }
                    }
                    // There is another resource of that name, or the task has failed.
                    let _ = tokio::time::timeout(PAUSE, changes.changed()).await;
                }
            });
        }
        while tasks.try_join_next().is_some() {}
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::state::{Plan, ResourceId};

    #[tokio::test]
    async fn a_resource_that_is_deleted_and_created_again_is_followed_again() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let plan = |name: &str| {
            let id = azure.read(|state| state.resource_id("rg", Plan::KIND, name));
            Plan::new(id, "eastus")
        };
        let put = |name: &str| {
            let changed = azure.change(|state| {
                state.put(&plan(name));
                Ok(())
            });
            changed.unwrap();
        };
        let remove = |id: &ResourceId| azure.change(|state| Ok(state.remove(id))).unwrap();
        let (said, mut heard) = mpsc::unbounded_channel();
        let follower = azure.clone();
        let work = async move {
            let inner = follower.clone();
            let task = move |name: String| {
                let (azure, said) = (inner.clone(), said.clone());
                async move {
                    let mut changes = azure.changes();
                    let _ = said.send(format!("+{name}"));
                    let _ = changes.wait_for(|state| state.find::<Plan>(&name).is_none()).await;
                    let _ = said.send(format!("-{name}"));
                }
            };
            each::<Plan, _>(&follower, task).await;
        };
        let work = tokio::spawn(work);
        put("One");
        assert_eq!(heard.recv().await.unwrap(), "+one");
        put("two");
        assert_eq!(heard.recv().await.unwrap(), "+two");
        remove(&plan("ONE").id);
        assert_eq!(heard.recv().await.unwrap(), "-one");
        put("one");
        assert_eq!(heard.recv().await.unwrap(), "+one");
        remove(&plan("two").id);
        assert_eq!(heard.recv().await.unwrap(), "-two");
        work.abort();
    }
}
