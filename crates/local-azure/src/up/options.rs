//! The options of `local-azure up`.

use std::path::PathBuf;

use crate::faults::InjectedFault;

/// The options of `local-azure up`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The port of the web app over HTTPS
    #[arg(long, default_value_t = 7443)]
    pub https_port: u16,
    /// The port of the web app over HTTP
    #[arg(long, default_value_t = 7080)]
    pub http_port: u16,
    /// The port of Entra (discovery, keys and tokens) over HTTPS
    #[arg(long, default_value_t = 7444)]
    pub entra_port: u16,
    /// The port of the managed identity endpoints (App Service and IMDS) over HTTP
    #[arg(long, default_value_t = 7445)]
    pub identity_port: u16,
    /// The port of Blob Storage over HTTPS
    #[arg(long, default_value_t = 7446)]
    pub blob_port: u16,
    /// The port of PostgreSQL
    #[arg(long, default_value_t = 7432)]
    pub postgres_port: u16,
    /// The package to deploy to the tutorial's web app: a zip, or a folder that contains start.sh. In a checkout of
    /// restaurant-review, it defaults to the site, which is built first
    #[arg(long)]
    pub package: Option<PathBuf>,
    /// Gives the web app addresses on this machine instead of Azure's names, where namespaces cannot be used
    #[arg(long)]
    pub addresses: bool,
    /// Starts a new state with nothing but the developer, who owns the subscription
    #[arg(long, conflicts_with = "package")]
    pub empty: bool,
    /// Keeps the resources of these providers as data, without any effect: names such as Microsoft.Network, separated by
    /// commas, or all
    #[arg(long, value_delimiter = ',')]
    pub store: Vec<String>,
    /// Faults to inject, separated by commas: see `local-azure faults --help`
    #[arg(long, value_delimiter = ',')]
    pub faults: Vec<InjectedFault>,
}
