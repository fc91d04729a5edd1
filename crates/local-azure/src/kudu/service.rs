//! What the handlers share.

use std::sync::Arc;

use crate::app_service::AppService;
use crate::azure::Azure;

/// The state, and the apps to which packages are deployed.
pub struct Kudu {
    pub azure: Azure,
    pub apps: Arc<AppService>,
}
