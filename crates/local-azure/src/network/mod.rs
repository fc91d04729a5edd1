//! A network in which programs find Azure's own names, ports and addresses.
//!
//! A program inside runs in namespaces of its own, which util-linux's `unshare` makes without privileges. There, a hosts
//! file names Azure's services, the system's certificates include Local Azure's authority, and a forwarder listens on
//! Azure's addresses and ports. It connects to Local Azure, which is outside, by sockets in the state folder.
//!
//! In reading order:
//!
//! - `addresses`: which name has which address inside, and which socket serves it.
//! - `files`: the files that are mounted inside.
//! - `inside`, with `inside.sh` and `mounts.sh`: runs a command inside. `requirements`: whether this machine can do that.
//! - `forwarder`: the program inside that connects Azure's addresses to the sockets.
//! - `services`: Local Azure's services at the sockets. `firewall`: which connections a PostgreSQL server admits.
//!   `public_address`: tells programs the address that they connect from.

mod addresses;
mod files;
mod firewall;
pub mod forwarder;
mod inside;
mod public_address;
mod requirements;
mod services;

pub use self::addresses::{
    IDENTITY_ENDPOINT, INSTANCE, LOCALSTACK_HOST, PUBLIC_ADDRESS, identity_addresses, is_forwarded,
};
pub use self::files::NetworkFiles;
pub use self::inside::{Inside, View};
pub use self::requirements::check;
pub use self::services::{Routes, Services};
