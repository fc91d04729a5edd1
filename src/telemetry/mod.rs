//! Telemetry: traces, metrics and logs, sent to a receiver of OTLP that the operator chooses. Without one, none of this
//! runs: no layer, no thread, no attribute of a span.
//!
//! [`start`] makes it available to the whole process, as the log is. What is sent holds no text that anyone typed, no
//! path, only its route, and no address: see `requests`, `azure`, `statements` and `logs`, which choose it.

mod azure;
mod logs;
mod names;
mod receiver;
mod requests;
mod sending;
mod statements;
mod trace_state;

pub use self::azure::client_options;
pub use self::logs::Exported;
pub use self::names::{ONLY_HERE, REQUEST_SPAN};
pub use self::requests::around;
pub use self::sending::{flush_limit, is_on, meter, start, stop, trace_id};
pub use self::statements::of_statements;
