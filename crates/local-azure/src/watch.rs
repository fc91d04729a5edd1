//! Notices changes to the files of a package.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const INTERVAL: Duration = Duration::from_millis(500);

/// What changes when a file is added, removed or written: the number of files, their sizes and the latest time.
type Stamp = (usize, u64, SystemTime);

/// Waits until something in the folder, or the file, changes, and then until it has stopped changing.
pub async fn changed(path: &Path) {
    let first = stamp(path);
    let mut last = first;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = stamp(path);
        if now != first && now == last {
            return;
        }
        last = now;
    }
}

fn stamp(path: &Path) -> Stamp {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return (0, 0, SystemTime::UNIX_EPOCH);
    };
    let own = (1, metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
    if !metadata.is_dir() {
        return own;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| stamp(&entry.path())).fold(own, |sum, one| {
        (sum.0 + one.0, sum.1.wrapping_add(one.1), sum.2.max(one.2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a");
        let mut seen = vec![stamp(folder.path())];
        let changes: [&dyn Fn(); 4] = [
            &|| fs::create_dir(&inner).unwrap(),
            &|| fs::write(inner.join("b"), "1").unwrap(),
            &|| fs::write(inner.join("b"), "12").unwrap(),
            &|| fs::remove_file(inner.join("b")).unwrap(),
        ];
        for change in changes {
            change();
            let now = stamp(folder.path());
            assert_ne!(seen.last(), Some(&now));
            seen.push(now);
        }
    }
}
