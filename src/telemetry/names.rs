//! Names that the parts of telemetry share.

/// The name of this program, as the source of what is sent.
pub(super) const SITE: &str = "restaurant-review";

/// The name of the span of a request in the log.
pub const REQUEST_SPAN: &str = "request";

/// The target of log lines that never leave this machine: a link that signs in, and what telemetry says about itself.
pub const ONLY_HERE: &str = "restaurant_review::only_here";
