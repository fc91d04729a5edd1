//! A running site for a test: the production router on a free port, with its own data folder.

use std::io::Cursor;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use local_azure::testing::Cloud;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use restaurant_review::app::App;
use restaurant_review::config::Config;
use restaurant_review::photos::PhotoStore;
use restaurant_review::store::Store;
use restaurant_review::{open, server, tls};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

pub use crate::redirect::location;
use crate::rig::{Container, shared};

/// How often a request is tried again that the site could not answer in time.
const TRIES: u32 = 5;

/// A site that stops with the test.
pub struct Site {
    pub base: String,
    pub client: Client,
    pub app: App,
    pub folder: TempDir,
    /// The container of its photos, if they are not in the folder.
    pub container: Option<Container>,
    _stop: oneshot::Sender<()>,
}

impl Site {
    /// Starts a site with an empty store.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a site with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(change, None).await
    }

    /// Starts a site with an empty store and its photos in Blob Storage.
    pub async fn start_on_blobs() -> Self {
        let container = Container::new(&shared().await).await;
        Self::start_in(|_| {}, Some(container)).await
    }

    /// Starts a site with an empty store and its photos in Blob Storage that no other test uses, so that the test may
    /// stop it.
    pub async fn start_on_own_blobs() -> Self {
        let container = Container::new(&Arc::new(Cloud::start())).await;
        Self::start_in(|_| {}, Some(container)).await
    }

    /// Starts a site with changed settings, and with its photos in that container if there is one.
    pub async fn start_in(change: impl FnOnce(&mut Config), container: Option<Container>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::for_test(folder.path().to_owned());
        if let Some(container) = &container {
            config.storage = Some(container.config.clone());
        }
        change(&mut config);
        let photos: Box<dyn PhotoStore> = match &container {
            None => open::open_photos(&config).await.unwrap(),
            Some(container) => Box::new(container.photos()),
        };
        let store = open::open_store(&config).await.unwrap();
        let mut site = Self::serve(App::new(config, store, photos), folder).await;
        site.container = container;
        site
    }

    /// Starts a site with that photo store.
    pub async fn start_over(photos: Box<dyn PhotoStore>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::for_test(folder.path().to_owned());
        let store = open::open_store(&config).await.unwrap();
        Self::serve(App::new(config, store, photos), folder).await
    }

    /// Starts a site on an existing store.
    pub async fn start_on(store: Box<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::for_test(folder.path().to_owned());
        let photos = open::open_photos(&config).await.unwrap();
        Self::serve(App::new(config, store, photos), folder).await
    }

    async fn serve(app: App, folder: TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server::serve_on(listener, app.clone(), async {
            let _ = stopped.await;
        }));
        tls::choose_provider();
        // Redirects and encodings are part of what is tested. The Azure SDK switches decoders on for every
        // client of reqwest in the program.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_gzip()
            .no_deflate()
            .no_proxy()
            .build()
            .unwrap();
        Self {
            base,
            client,
            app,
            folder,
            container: None,
            _stop: stop,
        }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    /// The page at that path, which must exist.
    pub async fn page(&self, path: &str) -> String {
        let response = self.patient(|| self.get(path)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }

    /// The answer to a request, which is sent again if the site is not available: on a busy machine, PostgreSQL may take
    /// longer to accept a connection than the site waits for it.
    async fn patient(&self, request: impl Fn() -> RequestBuilder) -> Response {
        let mut tries = 0;
        loop {
            let response = request().send().await.unwrap();
            if response.status() != StatusCode::SERVICE_UNAVAILABLE || tries == TRIES {
                return response;
            }
            tries += 1;
        }
    }

    /// Adds a restaurant as a script written for the Django sample would; its path, `/<id>/`.
    pub async fn add_restaurant(&self, name: &str) -> String {
        let form = [
            ("restaurant_name", name),
            ("street_address", "1 Main Street"),
            ("description", "Nice food"),
        ];
        location(&self.patient(|| self.post("/add").form(&form)).await)
    }

    /// Sends a review of the restaurant at that path.
    pub async fn review(&self, restaurant: &str, form: Form) -> Response {
        let id = restaurant.trim_matches('/');
        self.post(&format!("/review/{id}"))
            .multipart(form)
            .send()
            .await
            .unwrap()
    }

    /// Another program's connection to the same SQLite file.
    pub async fn plain_sql(&self) -> SqlitePool {
        let file = self.folder.path().join("restaurants.sqlite3");
        SqlitePool::connect_with(SqliteConnectOptions::new().filename(file).foreign_keys(true))
            .await
            .unwrap()
    }

    /// The names of the stored photos in all their sizes, wherever they are.
    pub async fn stored_photos(&self) -> Vec<String> {
        match &self.container {
            None => self.photo_files(),
            Some(container) => container.names().await,
        }
    }

    /// Makes the photo store unavailable, so that nothing can be stored or read.
    ///
    /// # Panics
    ///
    /// If other tests store their photos in the same place.
    pub async fn make_photos_unavailable(&self) {
        match &self.container {
            // A file takes the folder's place. Permissions would not suffice, because root may write anywhere.
            None => {
                std::fs::rename(self.photo_folder(), self.folder.path().join("photos-away")).unwrap();
                std::fs::write(self.photo_folder(), "in the way").unwrap();
            }
            Some(container) => container.own_cloud().blob_storage().await.stop(),
        }
    }

    /// Makes the photo store available again.
    pub async fn make_photos_available(&self) {
        match &self.container {
            None => {
                std::fs::remove_file(self.photo_folder()).unwrap();
                std::fs::rename(self.folder.path().join("photos-away"), self.photo_folder()).unwrap();
            }
            Some(container) => container.own_cloud().blob_storage().await.start_again().unwrap(),
        }
    }

    /// The names of the files in the photo folder.
    pub fn photo_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.photo_folder()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    pub fn photo_folder(&self) -> PathBuf {
        self.folder.path().join("photos")
    }
}

/// Makes two tests of each of these functions, which take a [`Site`]: one for each photo store.
macro_rules! over_both_photo_stores {
    ($($test:ident),* $(,)?) => {
        $(mod $test {
            use crate::harness::Site;

            #[tokio::test]
            async fn in_a_folder() {
                super::$test(Site::start().await).await;
            }

            #[tokio::test]
            async fn in_blob_storage() {
                super::$test(Site::start_on_blobs().await).await;
            }
        })*
    };
}
pub(crate) use over_both_photo_stores;

/// The command that runs only the named test of a module (`module_path!()`) of this program, in a separate process.
pub fn test_process(module: &str, test: &str) -> Command {
    let (_program, module) = module.split_once("::").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]);
    command
}

/// Asserts that the process has run its test, and that the test has passed. Returns the output of the process.
pub fn assert_passed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text
}

/// A review without a photo.
pub fn review(user_name: &str, rating: &str, text: &str) -> Form {
    Form::new()
        .text("user_name", user_name.to_owned())
        .text("rating", rating.to_owned())
        .text("review_text", text.to_owned())
}

/// A review with a file in its photo field.
pub fn review_with_photo(user_name: &str, rating: &str, file: Vec<u8>) -> Form {
    review(user_name, rating, "With a photo").part("reviewImage", Part::bytes(file).file_name("IMG_0001.HEIC"))
}

/// A picture with a red left half and a blue right half.
pub fn red_blue(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgb([220, 20, 20])
        } else {
            Rgb([20, 20, 220])
        }
    }))
}

/// A picture in a file format.
pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// The addresses of links in a page, unescaped, that contain `part`.
pub fn links<'a>(page: &'a str, part: &'a str) -> impl Iterator<Item = String> + 'a {
    page.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|link| link.replace("&#38;", "&"))
        .filter(move |link| link.contains(part))
}

/// The path of the one photo link in a page.
pub fn photo_link(page: &str) -> String {
    links(page, "/photos/").next().expect("the page links a photo")
}
