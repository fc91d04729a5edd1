//! A disk that is full, or nearly so: nothing typed is lost, nothing is half-written, and the site recovers by itself.

use std::fs;
use std::io::Write;
use std::path::Path;

use image::ImageFormat;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use tokio::process::Command;

use crate::harness::{Site, encoded, location, red_blue, review, review_with_photo};
use crate::program::Process;

fn photo() -> Vec<u8> {
    encoded(&red_blue(40, 30), ImageFormat::Png)
}

async fn assert_no_room(response: Response, parts: &[&str]) {
    assert_eq!(response.status(), StatusCode::INSUFFICIENT_STORAGE);
    let page = response.text().await.unwrap();
    for part in parts {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
}

#[tokio::test]
async fn photos_are_refused_before_the_disk_is_full() {
    let site = Site::start_with(|config| config.limits.min_free_bytes = u64::MAX).await;
    let path = site.add_restaurant("A").await;
    let response = site.review(&path, review_with_photo("Kept user", "4", photo())).await;
    let without = "no room for its photo. Send it again without the photo, or later.";
    assert_no_room(
        response,
        &["Kept user", "With a photo", without, "must be chosen again"],
    )
    .await;
    assert!(site.page(&path).await.contains("No reviews of this restaurant yet."));
    assert!(site.photo_files().is_empty());
    let ready = site.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK, "reviews without a photo are accepted");
    let report = ready.text().await.unwrap();
    assert!(report.contains("so photos are refused"), "{report}");
    assert_eq!(location(&site.review(&path, review("Ada", "4", "")).await), path);
}

/// The disk is filled, and emptied again.
#[tokio::test]
async fn a_full_disk_takes_nothing_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let site = start_on_small_disk(data).await;
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let added = site.add_restaurant(&client).await;
    assert_eq!(location(&added), "/1/");
    let post = async |form| {
        client
            .post(format!("{}/review/1", site.base))
            .multipart(form)
            .send()
            .await
            .unwrap()
    };
    let mut reviews = 0;
    let mut restaurants = 1;

    for round in 0..3 {
        let fill = site.path(&data.join("fill"));
        fill_disk(&fill);
        let photos = site.path(&data.join("photos"));
        let before = fs::read_dir(&photos).unwrap().count();
        assert_no_room(
            post(review_with_photo("Kept user", "4", photo())).await,
            &["Kept user", "With a photo"],
        )
        .await;
        assert_eq!(
            fs::read_dir(&photos).unwrap().count(),
            before,
            "nothing is half-written"
        );
        // SQLite has some room in its own files: a form may still fit where a longer one did not.
        let refused = loop {
            let response = post(review("Kept user", "4", &"Kept text ".repeat(40))).await;
            if response.status() != StatusCode::SEE_OTHER {
                break response;
            }
            reviews += 1;
            assert!(reviews < 20_000, "the disk is not full");
        };
        assert_no_room(
            refused,
            &["Kept user", "Kept text", "no room left. Send it again later."],
        )
        .await;
        let form = [("restaurant_name", "Kept name"), ("description", "Kept description")];
        let refused = loop {
            let request = client.post(format!("{}/add", site.base)).form(&form);
            let response = request.send().await.unwrap();
            if response.status() != StatusCode::SEE_OTHER {
                break response;
            }
            let page = client.get(format!("{}{}", site.base, location(&response)));
            assert_eq!(page.send().await.unwrap().status(), StatusCode::OK, "it is saved");
            restaurants += 1;
            assert!(restaurants < 20_000, "the disk is not full");
        };
        assert_no_room(refused, &["Kept name", "Kept description", "no room left"]).await;
        let page = client.get(format!("{}/1/", site.base)).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "pages are still shown");

        fs::remove_file(fill).unwrap();
        assert_eq!(post(review("Ada", "4", "")).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            post(review_with_photo("Ada", "4", photo())).await.status(),
            StatusCode::SEE_OTHER
        );
        reviews += 2;
        let page = client
            .get(format!("{}/1/", site.base))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(
            page.contains(&format!("({reviews} reviews)")),
            "round {round}: {reviews}\n{page}"
        );
    }
}

/// Writes a file until its disk is full.
fn fill_disk(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [64 << 10, 512] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

/// Starts a site whose data is on a disk of 8 MiB.
async fn start_on_small_disk(data: &Path) -> Process {
    let mount = "mount -t tmpfs -o size=8m tmpfs \"$DATA_DIR\" && exec \"$0\"";
    let mut command = Command::new("unshare");
    command
        .args(namespace(data).await)
        .args(["sh", "-c", mount, env!("CARGO_BIN_EXE_restaurant-review")]);
    command
        .env("DATA_DIR", data)
        .env("MIN_FREE_BYTES", "0")
        .kill_on_drop(true);
    Process::from(command).await
}

/// The options of `unshare` with which this user may mount a disk: root needs no namespace for users.
async fn namespace(data: &Path) -> &'static [&'static str] {
    let mut said = String::new();
    for options in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mut probe = Command::new("unshare");
        probe.args(options).args(["mount", "-t", "tmpfs", "tmpfs"]).arg(data);
        let output = probe.output().await.expect("unshare is installed");
        if output.status.success() {
            return options;
        }
        said += &String::from_utf8_lossy(&output.stderr);
    }
    panic!(
        "This machine does not allow the mount of a small disk. Run the test as root, in a container with the capability \
         CAP_SYS_ADMIN; or allow namespaces for users: sysctl kernel.apparmor_restrict_unprivileged_userns=0\n{said}"
    );
}
