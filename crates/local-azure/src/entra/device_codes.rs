//! The codes of the device code flow that wait for a person.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use uuid::Uuid;

/// The codes that wait for a person.
#[derive(Default)]
pub struct DeviceCodes(Mutex<HashMap<String, Pending>>);

/// A code that a program shows.
pub struct Pending {
    pub user_code: String,
    pub client: Uuid,
    pub scope: String,
    pub expires: Instant,
    /// The object id of the user who confirmed it.
    pub user: Option<Uuid>,
}

impl DeviceCodes {
    /// The codes that wait, by the program's own code.
    pub fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.0.lock().expect("no thread panics while holding the lock")
    }
}
