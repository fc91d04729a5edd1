//! GET `/<id>/`: a restaurant, its reviews, and the form for a new one.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde_json::json;

use crate::app::App;
use crate::error::AppError;
use crate::model::{
    Direction, FieldErrors, Rating, Restaurant, RestaurantId, ReviewCursor, ReviewForm, ReviewPage, ReviewPhoto,
    ReviewQuery, ReviewSort, SubmissionId, without_direction_controls,
};
use crate::pages::filters;
use crate::photos::PhotoUrls;
use crate::web::{Chrome, Page, PathParameter, SiteUrl, WriterLinks, query_pairs, with_query};

/// How many photos are above the reviews.
const GALLERY: usize = 5;

/// The page of a restaurant.
#[derive(Template)]
#[template(path = "details.html")]
pub(super) struct DetailsTemplate {
    pub(super) chrome: Chrome,
    pub(super) site_url: SiteUrl,
    pub(super) photo_urls: PhotoUrls,
    pub(super) restaurant: Restaurant,
    pub(super) photos: Vec<ReviewPhoto>,
    pub(super) query: ReviewQuery,
    pub(super) page: ReviewPage,
    pub(super) form: ReviewFormView,
    /// The private links of the visitor's reviews.
    pub(super) links: WriterLinks,
}

/// The form for a review: empty (`templates/review_form.html`), with a review that exists
/// (`templates/review_change_form.html`), or as it was sent with its errors.
pub(super) struct ReviewFormView {
    pub(super) form_id: String,
    pub(super) typed: ReviewForm,
    pub(super) errors: FieldErrors,
    /// The message above the form.
    pub(super) problem: Option<String>,
    /// Whether the form came with a photo. A browser does not fill in the photo field again.
    pub(super) photo_was_sent: bool,
    pub(super) max_upload_bytes: usize,
}

impl ReviewFormView {
    /// The message for a photo without bytes.
    pub(super) const EMPTY_PHOTO: &str = "This file is empty. Choose another photo.";

    pub(super) fn empty(app: &App) -> Self {
        Self {
            form_id: SubmissionId::new_form_id(),
            typed: ReviewForm::default(),
            errors: FieldErrors::default(),
            problem: None,
            photo_was_sent: false,
            max_upload_bytes: app.config.max_upload_bytes,
        }
    }

    /// Whether this rating was chosen.
    pub(super) fn is_rated(&self, stars: &u8) -> bool {
        self.typed.rating.trim() == stars.to_string()
    }

    /// What the photo field accepts.
    pub(super) fn photo_help(&self) -> String {
        format!(
            "Optional. PNG, JPEG or WebP, at most {}. Its location and other hidden data are removed.",
            self.max_upload()
        )
    }

    /// The message for a photo with too many bytes.
    pub(super) fn too_big(&self) -> String {
        format!(
            "This file is too big. Choose a photo of at most {}, or save this one again at a smaller size.",
            self.max_upload()
        )
    }

    /// The size limit of a photo, as text.
    fn max_upload(&self) -> String {
        let bytes = self.max_upload_bytes;
        if bytes >= 1 << 20 {
            format!("{} MB", bytes >> 20)
        } else {
            format!("{} KB", bytes >> 10)
        }
    }
}

impl DetailsTemplate {
    /// The photos above the reviews.
    fn gallery(&self) -> &[ReviewPhoto] {
        &self.photos[..self.photos.len().min(GALLERY)]
    }

    /// The photos that only the viewer shows.
    fn other_photos(&self) -> &[ReviewPhoto] {
        &self.photos[self.photos.len().min(GALLERY)..]
    }

    /// Each number of stars with the number of reviews that gave it, best first.
    fn distribution(&self) -> impl Iterator<Item = (u8, u64)> {
        (1..=5).zip(self.restaurant.distribution).rev()
    }

    /// Whether only the reviews with this rating are shown.
    fn is_shown(&self, stars: &u8) -> bool {
        self.query.rating.is_some_and(|rating| rating.stars() == *stars)
    }

    /// What the list of reviews has.
    fn heading(&self) -> String {
        let stars = self.query.rating.map(|rating| match rating.stars() {
            1 => "1 star".to_owned(),
            stars => format!("{stars} stars"),
        });
        match (stars, self.query.with_photo) {
            (None, false) => "Reviews".to_owned(),
            (None, true) => "Reviews with photos".to_owned(),
            (Some(stars), false) => format!("Reviews with {stars}"),
            (Some(stars), true) => format!("Reviews with {stars} and a photo"),
        }
    }

    /// The address of these reviews in that order, from that position.
    fn url(&self, sort: &ReviewSort, from: Option<&(&str, &ReviewCursor)>) -> String {
        self.url_of(
            &ReviewQuery {
                sort: *sort,
                ..self.query
            },
            from,
        )
    }

    fn sort_url(&self, sort: &ReviewSort) -> String {
        self.url(sort, None)
    }

    /// The address of the reviews with this rating. If these are shown already, that of all.
    fn rating_url(&self, stars: &u8) -> String {
        let rating = if self.is_shown(stars) {
            None
        } else {
            Rating::new((*stars).into())
        };
        self.url_of(&ReviewQuery { rating, ..self.query }, None)
    }

    /// The address of the reviews with a photo. If these are shown already, that of all.
    fn with_photo_url(&self) -> String {
        let with_photo = !self.query.with_photo;
        self.url_of(
            &ReviewQuery {
                with_photo,
                ..self.query
            },
            None,
        )
    }

    /// The address of all reviews with a photo, if there are more photos than those at the top and if that is not what is
    /// shown.
    fn all_photos_url(&self) -> Option<String> {
        let all = ReviewQuery {
            with_photo: true,
            ..ReviewQuery::default()
        };
        let is_shown = self.query.with_photo && self.query.rating.is_none();
        (!is_shown && !self.other_photos().is_empty()).then(|| self.url_of(&all, None))
    }

    fn url_of(&self, query: &ReviewQuery, from: Option<&(&str, &ReviewCursor)>) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        if let Some(rating) = query.rating {
            pairs.append_pair("rating", &rating.stars().to_string());
        }
        if query.with_photo {
            pairs.append_pair("photos", "1");
        }
        if query.sort != ReviewSort::default() {
            pairs.append_pair("sort", query.sort.as_str());
        }
        if let Some((direction, cursor)) = from {
            pairs.append_pair(direction, &cursor.to_string());
        }
        with_query(&self.restaurant.id.url(), &pairs.finish()) + "#reviews"
    }

    /// A map of the address.
    fn map_url(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", &self.restaurant.street_address)
            .finish();
        format!("https://www.openstreetmap.org/search?{query}")
    }

    /// The restaurant in one line, for search engines and previews of a link.
    fn summary(&self) -> String {
        let rating = self.restaurant.rating;
        let description = self.restaurant.description.replace('\n', " ");
        let text = match rating.average() {
            Some(average) if rating.count == 1 => format!("{average} (1 review). {description}"),
            Some(average) => format!("{average} ({} reviews). {description}", rating.count),
            None => description,
        };
        without_direction_controls(&text).into_owned()
    }

    /// The photo of a preview of a link.
    fn cover_url(&self) -> Option<String> {
        Some(self.photo_urls.photo(&self.photos.first()?.photo))
    }

    /// The restaurant as <https://schema.org/Restaurant>, in JSON that can stand between tags. Its addresses may be
    /// relative to that of the page.
    fn structured_data(&self) -> String {
        let restaurant = &self.restaurant;
        let absolute = |url: String| self.site_url.absolute(&url).unwrap_or(url);
        let mut data = json!({
            "@context": "https://schema.org",
            "@type": "Restaurant",
            "name": restaurant.name,
            "description": restaurant.description,
            "url": absolute(restaurant.id.url()),
        });
        if !restaurant.street_address.is_empty() {
            data["address"] = restaurant.street_address.clone().into();
        }
        if let Some(cover) = self.cover_url() {
            data["image"] = absolute(cover).into();
        }
        if let Some(average) = restaurant.rating.average() {
            data["aggregateRating"] = json!({
                "@type": "AggregateRating",
                "ratingValue": average,
                "reviewCount": restaurant.rating.count,
                "bestRating": 5,
                "worstRating": 1,
            });
        }
        data.to_string().replace('<', "\\u003c")
    }
}

/// Shows the page.
pub async fn get(
    State(app): State<App>,
    PathParameter(id): PathParameter<RestaurantId>,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let query = parse(query.as_deref().unwrap_or_default());
    let (restaurant, page) = app.store.details(id, &query).await?.ok_or(AppError::NotFound)?;
    // Later pages continue the reviews.
    let photos = if query.from.is_none() {
        app.store.photos(id).await?
    } else {
        Vec::new()
    };
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let links = WriterLinks::of(&app.config, &cookies, id);
    // A page with a secret must not be kept.
    let once = links
        .as_ref()
        .map(|links| ([(CACHE_CONTROL, "no-store")], links.shown.clone()));
    let template = DetailsTemplate {
        chrome,
        site_url: SiteUrl::of(&app.config),
        links: links.unwrap_or_default(),
        photo_urls: app.photo_urls.clone(),
        restaurant,
        photos,
        query,
        page,
        form: ReviewFormView::empty(&app),
    };
    Ok((notice_shown, once, Page(template)).into_response())
}

/// GET `/<id>`, without the final slash.
pub async fn redirect(PathParameter(id): PathParameter<RestaurantId>) -> Redirect {
    Redirect::permanent(&id.url())
}

/// Reads `rating`, `photos`, `sort`, `after` and `before`. Invalid values are ignored: a mistyped address still shows the
/// restaurant.
#[must_use]
pub fn parse(query: &str) -> ReviewQuery {
    let mut parsed = ReviewQuery::default();
    for (name, value) in query_pairs(query) {
        match &*name {
            "rating" => parsed.rating = value.parse().ok().and_then(Rating::new),
            "photos" => parsed.with_photo = value == "1",
            "sort" => parsed.sort = ReviewSort::parse(&value),
            "after" => parsed.from = value.parse().ok().map(|cursor| (Direction::After, cursor)),
            "before" => parsed.from = value.parse().ok().map(|cursor| (Direction::Before, cursor)),
            _ => {}
        }
    }
    parsed
}
