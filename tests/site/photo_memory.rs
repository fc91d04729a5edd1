//! The memory of a site that takes the largest photos.

use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tempfile::TempDir;

use crate::harness::{location, review_with_photo};
use crate::program::Process;

/// The most memory that a site may use for one photo, and for eight at once.
const ONE: u64 = 160 << 10;
const EIGHT: u64 = 250 << 10;

#[tokio::test]
async fn the_largest_photos_fit_into_memory() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/photo-processing/tests/pillow");
    let python = scripts.join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing. Run ./test.sh, which installs Pillow.",
        python.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let status = tokio::process::Command::new(python)
        .arg(scripts.join("large.py"))
        .arg(&photos)
        .status()
        .await;
    assert!(status.unwrap().success());

    let mut names: Vec<_> = std::fs::read_dir(&photos)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let mut largest = (0, Vec::new());
    for name in names {
        let photo = std::fs::read(&name).unwrap();
        // A site of its own: without the setting of start.sh, a process keeps memory that it has freed.
        let site = SiteWithRestaurant::start().await;
        let answer = site.send(photo.clone()).await;
        assert_eq!(answer, StatusCode::SEE_OTHER, "{}", name.display());
        let peak = site.process.peak_kib();
        println!("{peak} KiB for {}", name.display());
        assert!(peak < ONE, "{peak} KiB for {}", name.display());
        if peak > largest.0 {
            largest = (peak, photo);
        }
    }
    let site = SiteWithRestaurant::start().await;
    let all = (0..8).map(|_| site.send(largest.1.clone()));
    for answer in futures_util::future::join_all(all).await {
        // A slow machine may not be able to process all of them before the last one has waited too long.
        assert!([StatusCode::SEE_OTHER, StatusCode::TOO_MANY_REQUESTS].contains(&answer));
    }
    let peak = site.process.peak_kib();
    println!("{peak} KiB for eight");
    assert!(peak < EIGHT, "{peak} KiB for eight photos at once");
}

/// A site that runs in its own process, and the restaurant that gets the photos.
struct SiteWithRestaurant {
    process: Process,
    client: Client,
    restaurant: String,
    _data: TempDir,
}

impl SiteWithRestaurant {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let process = Process::serve(&[("DATA_DIR", data.path().to_str().unwrap())]).await;
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let fields = [("restaurant_name", "A"), ("street_address", "B"), ("description", "C")];
        let added = client.post(format!("{}/add", process.base)).form(&fields).send().await;
        let restaurant = location(&added.unwrap()).trim_matches('/').to_owned();
        Self {
            process,
            client,
            restaurant,
            _data: data,
        }
    }

    /// Sends a review with that photo.
    async fn send(&self, photo: Vec<u8>) -> StatusCode {
        let form = review_with_photo("Ada", "4", photo);
        let request = self
            .client
            .post(format!("{}/review/{}", self.process.base, self.restaurant))
            .multipart(form);
        request.send().await.unwrap().status()
    }
}
