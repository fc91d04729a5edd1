//! The lines that wait to be written. (The crate tracing-appender has such a queue, but gives up its last lines after a
//! tenth of a second, and then itself prints to the output that may be stuck.)

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// How many lines may wait, a few hundred bytes each.
const LINES: usize = 4096;

/// A queue before an output. It is a writer that never waits: a line for which there is no room is lost.
#[derive(Clone)]
pub struct Queue {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before this is written when the sender is dropped.
    Flush {
        _written: SyncSender<()>,
    },
}

impl Queue {
    /// Starts a thread that writes to this output.
    pub fn before(mut out: impl Write + Send + 'static) -> Self {
        let (entries, waiting) = sync_channel(LINES);
        let write = move || {
            for entry in waiting {
                if let Entry::Line(line) = entry {
                    // There is nowhere to report an error.
                    let _ = out.write_all(&line).and_then(|()| out.flush());
                }
            }
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(write)
            .expect("a thread can be started");
        Self {
            entries,
            lost: Arc::default(),
        }
    }

    /// Waits until all lines are written.
    pub fn finish(&self) {
        let (written, wait) = sync_channel(0);
        if self.entries.send(Entry::Flush { _written: written }).is_ok() {
            let _ = wait.recv();
        }
    }

    /// How many lines have been lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.entries.try_send(Entry::Line(line.to_owned())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
