//! Progress messages.

use std::sync::{Arc, Mutex};

/// The steps of the start and of the end: printed on the terminal, and the latest shown by `local-azure status`.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<String>>);

impl Progress {
    /// Prints a step that is starting.
    pub fn report(&self, step: &str) {
        println!("  … {step}");
        step.clone_into(&mut self.0.lock().expect("no thread panics while holding the lock"));
    }

    /// The latest step.
    pub fn latest(&self) -> String {
        self.0.lock().expect("no thread panics while holding the lock").clone()
    }
}
