//! What the handlers share.

use std::sync::Arc;

use crate::app_service::AppService;
use crate::azure::Azure;

/// What the handlers share.
pub struct Kudu {
    pub azure: Azure,
    pub apps: Arc<AppService>,
}
