//! The names inside, their addresses, and the sockets that serve them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use sha2::{Digest as _, Sha256};

use crate::state::{PostgresServer, State, StorageAccount, WebApp};

/// The address of every service over HTTP and HTTPS. The TLS handshake names the service.
pub(super) const WEB: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The Instance Metadata Service.
/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>
pub(super) const IMDS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// App Service's managed identity endpoint.
pub(super) const IDENTITY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 129, 2), 8081);
/// The platform's address, from which an app gets its requests.
pub(super) const PLATFORM: Ipv4Addr = Ipv4Addr::new(169, 254, 129, 1);
/// The address of the app's instance. As in Azure, an app that listens on 127.0.0.1 only is not reached.
pub const INSTANCE: Ipv4Addr = Ipv4Addr::new(169, 254, 129, 3);
/// The value of `IDENTITY_ENDPOINT` inside.
pub const IDENTITY_ENDPOINT: &str = "http://169.254.129.2:8081/msi/token";

/// The address of this machine for the firewalls of PostgreSQL servers. It is one that documents use.
/// <https://www.rfc-editor.org/rfc/rfc5737>
pub const PUBLIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// PostgreSQL's port.
pub(super) const POSTGRES_PORT: u16 = 5432;

/// The sockets in the folder of the network.
pub(super) const HTTPS_SOCKET: &str = "https.sock";
pub(super) const HTTP_SOCKET: &str = "http.sock";
pub(super) const IDENTITY_SOCKET: &str = "identity.sock";
/// The control plane for the developer's own shells.
pub(super) const DEVELOPER_SOCKET: &str = "developer.sock";

/// The hosts of Entra's authority.
pub(super) const AUTHORITY_HOSTS: [&str; 3] = ["login.microsoftonline.com", "login.windows.net", "sts.windows.net"];
/// The host of Azure Resource Manager.
pub(super) const ARM_HOST: &str = "management.azure.com";
/// The host of Microsoft Graph.
pub(super) const GRAPH_HOST: &str = "graph.microsoft.com";
/// The host that tells a program its public address. It is not Azure's, but the Azure CLI and scripts ask it.
pub(super) const PUBLIC_ADDRESS_HOST: &str = "api.ipify.org";
/// The name and the port by which guides for `LocalStack` reach the control plane, without a token.
pub const LOCALSTACK_HOST: &str = "management.localhost.localstack.cloud";
pub(super) const LOCALSTACK_PORT: u16 = 4566;

/// The domains of the resources. Each resource's host is its name in the domain.
pub(super) const BLOB_DOMAIN: &str = "blob.core.windows.net";
pub(super) const APP_DOMAIN: &str = "azurewebsites.net";
pub(super) const SCM_DOMAIN: &str = "scm.azurewebsites.net";
pub(super) const POSTGRES_DOMAIN: &str = "postgres.database.azure.com";

/// The address of a PostgreSQL server. It depends only on the server's name, so it stays the same when other servers
/// come and go.
pub(super) fn postgres_address(server: &str) -> Ipv4Addr {
    let hash = Sha256::digest(server.to_ascii_lowercase());
    Ipv4Addr::new(127, 64 | (hash[0] & 63), hash[1], hash[2])
}

/// The socket of the PostgreSQL server with that address.
pub(super) fn postgres_socket(address: Ipv4Addr) -> String {
    format!("postgres-{address}.sock")
}

/// The addresses of the managed identity endpoints.
#[must_use]
pub fn identity_addresses() -> [Ipv4Addr; 2] {
    [IMDS, *IDENTITY.ip()]
}

/// Whether the forwarder listens on the address, and not an app.
#[must_use]
pub fn is_forwarded(address: &SocketAddr) -> bool {
    let is_azure = [IpAddr::V4(WEB), IpAddr::V4(IMDS), IpAddr::V4(*IDENTITY.ip())].contains(&address.ip());
    is_azure || (address.ip().is_unspecified() && address.port() == POSTGRES_PORT)
}

/// Whether the host is one that a certificate may be issued for.
pub(super) fn is_served(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_in = |domain: &&str| {
        let label = host.strip_suffix(*domain).and_then(|rest| rest.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty())
    };
    AUTHORITY_HOSTS.contains(&host.as_str())
        || [ARM_HOST, GRAPH_HOST, PUBLIC_ADDRESS_HOST].contains(&host.as_str())
        || [BLOB_DOMAIN, APP_DOMAIN].iter().any(is_in)
}

/// The content of `/etc/hosts`.
pub(super) fn hosts(state: &State) -> String {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    let mut add = |address: Ipv4Addr, host: &str| {
        let _ = writeln!(text, "{address} {}", host.to_ascii_lowercase());
    };
    for host in AUTHORITY_HOSTS
        .into_iter()
        .chain([ARM_HOST, GRAPH_HOST, LOCALSTACK_HOST, PUBLIC_ADDRESS_HOST])
    {
        add(WEB, host);
    }
    for account in state.names::<StorageAccount>() {
        add(WEB, &format!("{account}.{BLOB_DOMAIN}"));
    }
    for app in state.names::<WebApp>() {
        add(WEB, &format!("{app}.{APP_DOMAIN}"));
        add(WEB, &format!("{app}.{SCM_DOMAIN}"));
    }
    for server in state.names::<PostgresServer>() {
        add(postgres_address(server), &format!("{server}.{POSTGRES_DOMAIN}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::Azure;
    use crate::tutorial;

    #[test]
    fn every_resource_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        tutorial::provision(&azure, true).unwrap();
        let hosts = azure.read(hosts);
        for line in [
            "127.0.0.2 login.microsoftonline.com",
            "127.0.0.2 management.azure.com",
            "127.0.0.2 graph.microsoft.com",
            "127.0.0.2 api.ipify.org",
            "127.0.0.2 restaurantreview.blob.core.windows.net",
            "127.0.0.2 restaurant-review.azurewebsites.net",
            "127.0.0.2 restaurant-review.scm.azurewebsites.net",
        ] {
            assert!(hosts.lines().any(|other| other == line), "{line}: {hosts}");
        }
        let server = format!(
            "{} {}.postgres.database.azure.com",
            postgres_address(tutorial::SERVER),
            tutorial::SERVER
        );
        assert!(hosts.contains(&server), "{hosts}");
    }

    #[test]
    fn servers_have_addresses_of_their_own() {
        let addresses: std::collections::HashSet<_> =
            (0..500).map(|n| postgres_address(&format!("server-{n}"))).collect();
        assert_eq!(addresses.len(), 500);
        assert!(addresses.iter().all(Ipv4Addr::is_loopback));
        assert_eq!(postgres_address("Contoso"), postgres_address("contoso"));
    }

    #[test]
    fn certificates_are_for_hosts_inside_only() {
        for host in [
            "login.microsoftonline.com",
            "Contoso.blob.core.windows.net",
            "contoso.azurewebsites.net",
            "contoso.scm.azurewebsites.net",
            "api.ipify.org",
        ] {
            assert!(is_served(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "blob.core.windows.net",
            ".azurewebsites.net",
            "evilazurewebsites.net",
        ] {
            assert!(!is_served(host), "{host}");
        }
    }
}
