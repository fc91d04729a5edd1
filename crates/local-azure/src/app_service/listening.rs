//! Finds the TCP ports that a program listens on.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The addresses on which the processes of this session listen, in the network of this process.
pub(super) fn sockets(session: u32, process: u32) -> Vec<SocketAddr> {
    let inodes = inodes(session);
    let network = Path::new("/proc").join(process.to_string()).join("net");
    let mut addresses: Vec<_> = ["tcp", "tcp6"]
        .iter()
        .flat_map(|file| listeners(&fs::read_to_string(network.join(file)).unwrap_or_default(), &inodes))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The inodes of the sockets that the processes of this session have open.
fn inodes(session: u32) -> HashSet<String> {
    let mut inodes = HashSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The name of the program, in parentheses, may contain blanks. After it: state, parent, group, session.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        if after_name.split(' ').nth(3) != Some(&session.to_string()) {
            continue;
        }
        for file in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(file.path()).unwrap_or_default();
            let socket = target.to_str().and_then(|target| target.strip_prefix("socket:["));
            if let Some(inode) = socket.and_then(|inode| inode.strip_suffix(']')) {
                inodes.insert(inode.to_owned());
            }
        }
    }
    inodes
}

/// The addresses of the listening sockets with these inodes, in a table such as `/proc/net/tcp`.
/// <https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>
fn listeners(table: &str, inodes: &HashSet<String>) -> Vec<SocketAddr> {
    const LISTEN: &str = "0A";
    let line = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let (local, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
        (*state == LISTEN && inodes.contains(*inode)).then(|| address(local))?
    };
    table.lines().filter_map(line).collect()
}

/// Parses an address such as `0100007F:1F90`. Each group of four bytes is in the machine's order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let mut bytes = hex::decode(ip).ok()?;
    for group in bytes.chunks_exact_mut(4) {
        let word = u32::from_be_bytes(group.try_into().ok()?);
        group.copy_from_slice(&word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_listeners_of_a_session_are_found() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let session = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
        let listeners = ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"].map(|address| TcpListener::bind(address).unwrap());
        let found = sockets(session.parse().unwrap(), std::process::id());
        for listener in listeners {
            assert!(found.contains(&listener.local_addr().unwrap()), "{found:?}");
        }
        assert_eq!(sockets(u32::MAX, std::process::id()), []);
    }
}
