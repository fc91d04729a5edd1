//! Notices changes to the files of a package.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(500);

/// Changes when a file is added, removed or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64);

/// The stamp of a folder, or of a file, without what is in the folder `state`.
#[must_use]
pub fn stamp(path: &Path, state: &Path) -> Stamp {
    let mut hasher = DefaultHasher::new();
    add(path, state, &mut hasher);
    Stamp(hasher.finish())
}

fn add(path: &Path, state: &Path, hasher: &mut DefaultHasher) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    path.hash(hasher);
    if !metadata.is_dir() {
        let times = (metadata.mtime(), metadata.mtime_nsec());
        (metadata.len(), times, metadata.ino(), metadata.mode()).hash(hasher);
        return;
    }
    if path == state {
        return;
    }
    let mut entries: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        add(&entry.path(), state, hasher);
    }
}

/// Waits until the stamp is another one than `before`, and then until it has stopped changing.
pub async fn changed(path: &Path, state: &Path, before: Stamp) {
    let mut last = before;
    loop {
        let now = stamp(path, state);
        if now != before && now == last {
            return;
        }
        last = now;
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, state) = (folder.path().join("a"), folder.path().join(".local-azure"));
        fs::create_dir(&state).unwrap();
        let look = || stamp(folder.path(), &state);
        let mut seen = vec![look()];
        let changes: [&dyn Fn(); 4] = [
            &|| fs::create_dir(&inner).unwrap(),
            &|| fs::write(inner.join("b"), "1").unwrap(),
            // Of the same size, and older.
            &|| {
                let file = fs::File::create(inner.join("b")).unwrap();
                file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
                fs::write(inner.join("c"), "2").unwrap();
                fs::rename(inner.join("c"), inner.join("b")).unwrap();
            },
            &|| fs::remove_file(inner.join("b")).unwrap(),
        ];
        for change in changes {
            change();
            let now = look();
            assert!(!seen.contains(&now) || seen.len() == 4);
            assert_ne!(seen.last(), Some(&now));
            seen.push(now);
        }
        fs::write(state.join("state.json"), "{}").unwrap();
        assert_eq!(seen.last(), Some(&look()), "the state folder does not count");
    }
}
