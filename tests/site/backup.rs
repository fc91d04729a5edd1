//! Copies of the SQLite file, and damage in it.

use std::path::Path;

use crate::program::{Process, output};

const SEED: [&str; 7] = ["seed", "--restaurants", "40", "--reviews", "2000", "--photos", "0"];

async fn list(folder: &Path) -> String {
    let site = Process::serve(&[("DATA_DIR", folder.to_str().unwrap())]).await;
    reqwest::get(format!("{}/?sort=newest", site.base))
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_running_sites_file_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let data = [("DATA_DIR", folder.path().to_str().unwrap())];
    let site = Process::serve(&data).await;
    // Some rows are in the file -wal, from which they are moved later.
    assert!(output(&SEED, &data).await.0);
    let form = [("restaurant_name", "Just added"), ("description", "d")];
    let added = reqwest::Client::new()
        .post(format!("{}/add", site.base))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert!(added.status().is_success());
    let page = reqwest::get(format!("{}/?sort=newest", site.base))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();

    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("restaurants.sqlite3");
    let (ok, text) = output(&["backup", copy.to_str().unwrap()], &data).await;
    assert!(
        ok && text.contains("copied ") && text.contains("Copy their folder now"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 1);
    let copied = list(other.path()).await;
    assert!(copied.contains("Just added"));
    assert_eq!(copied, page);

    // Neither a backup nor anything else is overwritten.
    let before = std::fs::read(&copy).unwrap();
    for target in [copy.clone(), folder.path().join("restaurants.sqlite3")] {
        let (ok, text) = output(&["backup", target.to_str().unwrap()], &data).await;
        assert!(!ok && text.contains("exists already"), "{text}");
    }
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    let (ok, text) = output(&["backup", "/dev/null/copy"], &data).await;
    assert!(!ok && text.contains("/dev/null/copy cannot be written"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_copied_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let copy = copy.to_str().unwrap();
    let (ok, text) = output(&["backup", copy], &[("DATA_DIR", folder.path().to_str().unwrap())]).await;
    assert!(!ok && text.contains("There is no SQLite file"), "{text}");
    let (ok, text) = output(
        &["backup", copy],
        &[("DBHOST", "contoso-db"), ("DBNAME", "restaurant"), ("DBUSER", "web")],
    )
    .await;
    assert!(
        !ok && text.contains("pg_dump") && text.contains("--host contoso-db"),
        "{text}"
    );
    assert!(!Path::new(copy).exists());
}

/// Damages a file.
type Damage = fn(&mut Vec<u8>);

#[tokio::test]
async fn a_damaged_file_is_called_that() {
    let good = tempfile::tempdir().unwrap();
    let data = [("DATA_DIR", good.path().to_str().unwrap())];
    assert!(output(&SEED, &data).await.0);
    let copy = good.path().join("copy");
    assert!(output(&["backup", copy.to_str().unwrap()], &data).await.0);
    let bytes = std::fs::read(copy).unwrap();
    assert!(bytes.len() > 100 << 10, "{} bytes", bytes.len());
    // Each: what happens to the file, and whether the start shows it.
    let damages: [(Damage, bool); 6] = [
        (
            |bytes| *bytes = b"this is not a database, it only has the name of one".repeat(100),
            true,
        ),
        (|bytes| bytes[0] = b's', true),
        (|bytes| bytes.truncate(bytes.len() / 2), true),
        (|bytes| bytes.truncate(bytes.len() - 4096), true),
        (|bytes| bytes[100..4096].fill(0xa5), true),
        // Only the whole file shows it, which `check` reads.
        (
            |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle..].fill(0xa5);
            },
            false,
        ),
    ];
    for (number, (damage, shows_at_start)) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = bytes.clone();
        damage(&mut bytes);
        let file = folder.path().join("restaurants.sqlite3");
        std::fs::write(&file, &bytes).unwrap();
        let data = [("DATA_DIR", folder.path().to_str().unwrap())];
        let copy = folder.path().join("copy");
        let backup = ["backup", copy.to_str().unwrap()];
        let mut commands: Vec<&[&str]> = vec![&["check"], &backup];
        if shows_at_start {
            commands.push(&[]);
        }
        for command in commands {
            let (ok, text) = output(command, &data).await;
            assert!(!ok, "{number} {command:?}: {text}");
            for part in [
                "restaurants.sqlite3",
                "is damaged",
                "restaurant-review backup",
                ".recover",
            ] {
                assert!(text.contains(part), "{number} {command:?}: {part} is missing in {text}");
            }
        }
        assert!(!copy.exists());
        assert_eq!(
            std::fs::read(&file).unwrap(),
            bytes,
            "{number}: a damaged file is left as it is"
        );
    }
}
