//! One instance of a web app, as others see it.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use tokio::sync::watch;

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Its process has not answered the warm-up request yet.
    Starting,
    /// It takes requests.
    Ready,
    /// It failed health checks, and takes requests only if too few others do.
    Unhealthy,
    /// Its process has ended by itself, or did not answer in time; it is started again after a pause.
    Crashed,
    /// It takes no new requests, and is being ended.
    Stopping,
}

impl std::fmt::Display for InstanceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unhealthy => "unhealthy",
            Self::Crashed => "crashed",
            Self::Stopping => "stopping",
        })
    }
}

/// What there is to say of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceStatus {
    /// Its number, from 0.
    pub number: u32,
    /// Its `WEBSITE_INSTANCE_ID`.
    pub id: String,
    /// The port of loopback that it listens on.
    pub port: Option<u16>,
    /// The id of its first process.
    pub process: Option<u32>,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Since when it is there.
    pub since: SystemTime,
    /// How often its process was started again.
    pub restarts: u32,
}

/// How an instance is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// After the requests that it has, within a limit.
    Drained,
    /// At once.
    Now,
}

/// An instance: one number in one generation of an app.
pub(super) struct Instance {
    pub(super) number: u32,
    pub(super) id: String,
    /// Which start of the app it belongs to.
    pub(super) generation: u64,
    /// The version that it runs.
    pub(super) folder: PathBuf,
    view: Mutex<View>,
    stop: watch::Sender<Option<Stop>>,
    /// How many requests it has.
    requests: watch::Sender<usize>,
}

struct View {
    status: InstanceStatus,
    /// How many starts have failed since the last that did not, and why the last did.
    failed_starts: u32,
    failure: Option<String>,
}

impl Instance {
    pub(super) fn new(number: u32, id: String, generation: u64, folder: PathBuf) -> Self {
        let status = InstanceStatus {
            number,
            id: id.clone(),
            port: None,
            process: None,
            state: InstanceState::Starting,
            since: SystemTime::now(),
            restarts: 0,
        };
        Self {
            number,
            id,
            generation,
            folder,
            view: Mutex::new(View {
                status,
                failed_starts: 0,
                failure: None,
            }),
            stop: watch::Sender::new(None),
            requests: watch::Sender::new(0),
        }
    }

    pub(super) fn status(&self) -> InstanceStatus {
        self.view.lock().expect("nobody panics").status.clone()
    }

    /// Its port, if it has answered the warm-up request and is not to end.
    pub(super) fn serving(&self) -> Option<u16> {
        let view = self.view.lock().expect("nobody panics");
        let serves = matches!(view.status.state, InstanceState::Ready | InstanceState::Unhealthy);
        serves.then_some(view.status.port).flatten()
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.view.lock().expect("nobody panics").status.state == InstanceState::Ready
    }

    /// A process of it was started.
    pub(super) fn started(&self, port: u16, process: u32) {
        let mut view = self.view.lock().expect("nobody panics");
        view.status.port = Some(port);
        view.status.process = Some(process);
        drop(view);
        self.set(InstanceState::Starting);
    }

    /// Its state from now on; what is to end stays so.
    pub(super) fn set(&self, state: InstanceState) {
        let mut view = self.view.lock().expect("nobody panics");
        if state == InstanceState::Ready {
            view.failed_starts = 0;
            view.failure = None;
        }
        if view.status.state != state && view.status.state != InstanceState::Stopping {
            view.status.state = state;
            view.status.since = SystemTime::now();
        }
    }

    /// Its process has ended without an order, and will be started again.
    pub(super) fn failed(&self, why: String) {
        let mut view = self.view.lock().expect("nobody panics");
        view.failed_starts += 1;
        view.failure = Some(why);
        view.status.restarts += 1;
        view.status.process = None;
        drop(view);
        self.set(InstanceState::Crashed);
    }

    /// It is replaced by a new process.
    pub(super) fn replaced(&self) {
        self.view.lock().expect("nobody panics").status.restarts += 1;
    }

    /// How many starts have failed since the last that did not, and why the last did.
    pub(super) fn failure(&self) -> Option<(u32, String)> {
        let view = self.view.lock().expect("nobody panics");
        Some((view.failed_starts, view.failure.clone()?))
    }

    /// Orders its end. It gets no new requests from here on.
    pub(super) fn stop(&self, how: Stop) {
        self.set(InstanceState::Stopping);
        self.stop.send_if_modified(|order| {
            let changed = *order != Some(Stop::Now) && *order != Some(how);
            if changed {
                *order = Some(how);
            }
            changed
        });
    }

    /// Waits for the order to end.
    pub(super) async fn ordered(&self) -> Stop {
        self.order(Option::is_some).await.unwrap_or(Stop::Now)
    }

    /// Waits until it has no request, or must not wait any longer.
    pub(super) async fn drained(&self) {
        let mut requests = self.requests.subscribe();
        tokio::select! {
            _ = requests.wait_for(|requests| *requests == 0) => {}
            _ = self.order(|order| *order == Some(Stop::Now)) => {}
        }
    }

    async fn order(&self, wanted: impl FnMut(&Option<Stop>) -> bool) -> Option<Stop> {
        let mut orders = self.stop.subscribe();
        let order = orders.wait_for(wanted).await.map(|order| *order);
        order.ok().flatten()
    }
}

/// A request that an instance has, as long as this value lives.
pub(super) struct Taken(std::sync::Arc<Instance>);

impl Taken {
    pub(super) fn by(instance: std::sync::Arc<Instance>) -> Self {
        instance.requests.send_modify(|requests| *requests += 1);
        Self(instance)
    }

    /// The id of the instance.
    pub(super) fn id(&self) -> &str {
        &self.0.id
    }

    /// As [`Instance::serving`].
    pub(super) fn serving(&self) -> Option<u16> {
        self.0.serving()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.requests.send_modify(|requests| *requests -= 1);
    }
}
