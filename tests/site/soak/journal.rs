//! What was sent and answered during a soak.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The time between the faults, under this name in the report.
pub const NO_FAULT: &str = "no fault";

/// What a write adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Restaurant,
    Review,
    /// The photo has this brightness.
    ReviewWithPhoto(u8),
}

/// A write that was acknowledged or given up.
#[derive(Clone, Debug)]
pub struct Write {
    pub kind: Kind,
    /// The name of the restaurant or of the reviewer, which no other write has.
    pub name: String,
    pub is_acknowledged: bool,
    /// The fault during which that happened.
    pub during: &'static str,
}

/// What happened during the occurrences of one fault.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub times: u32,
    /// From the end of the fault to the next write that succeeds.
    pub recoveries: Vec<Duration>,
    /// How many requests got each status, or none.
    pub answers: BTreeMap<Option<u16>, u64>,
    pub acknowledged: u64,
    pub given_up: u64,
    pub lost: u64,
    pub doubled: u64,
}

/// Everything that happened, by fault.
pub struct Journal(Mutex<Pages>);

struct Pages {
    now: &'static str,
    figures: BTreeMap<&'static str, Figures>,
    writes: Vec<Write>,
    surprises: BTreeMap<String, u64>,
}

impl Journal {
    pub fn new() -> Self {
        Self(Mutex::new(Pages {
            now: NO_FAULT,
            figures: BTreeMap::from([(NO_FAULT, Figures::default())]),
            writes: Vec::new(),
            surprises: BTreeMap::new(),
        }))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    /// What follows happens during that fault.
    pub fn begin(&self, fault: &'static str) {
        let mut pages = self.pages();
        pages.now = fault;
        pages.figures.entry(fault).or_default().times += 1;
    }

    /// The fault is over, and the site has recovered from it.
    pub fn end(&self, recovery: Duration) {
        let mut pages = self.pages();
        pages.current().recoveries.push(recovery);
        pages.now = NO_FAULT;
    }

    /// A visitor got this status, or no answer.
    pub fn answered(&self, status: Option<u16>) {
        *self.pages().current().answers.entry(status).or_default() += 1;
    }

    /// A write was acknowledged, or is no longer tried.
    pub fn wrote(&self, kind: Kind, name: &str, is_acknowledged: bool) {
        let mut pages = self.pages();
        let figures = pages.current();
        if is_acknowledged {
            figures.acknowledged += 1;
        } else {
            figures.given_up += 1;
        }
        let write = Write {
            kind,
            name: name.to_owned(),
            is_acknowledged,
            during: pages.now,
        };
        pages.writes.push(write);
    }

    /// Something happened that must not, whatever fails.
    pub fn surprise(&self, what: &str) {
        let mut pages = self.pages();
        let what = format!("{what}, during: {}", pages.now);
        *pages.surprises.entry(what).or_default() += 1;
    }

    pub fn writes(&self) -> Vec<Write> {
        self.pages().writes.clone()
    }

    /// A write of that time is missing.
    pub fn lost(&self, write: &Write) {
        self.pages().figures.get_mut(write.during).unwrap().lost += 1;
    }

    /// A write of that time is there twice.
    pub fn doubled(&self, write: &Write) {
        self.pages().figures.get_mut(write.during).unwrap().doubled += 1;
    }

    pub fn figures(&self) -> BTreeMap<&'static str, Figures> {
        self.pages().figures.clone()
    }

    /// What happened that must not.
    pub fn surprises(&self) -> Vec<String> {
        let pages = self.pages();
        let surprises = pages.surprises.iter();
        surprises.map(|(what, times)| format!("{times} × {what}")).collect()
    }
}

impl Pages {
    fn current(&mut self) -> &mut Figures {
        self.figures.get_mut(self.now).unwrap()
    }
}
