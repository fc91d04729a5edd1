//! The conformance suite of what the staff and writers need of a store.

use std::time::Duration;

use restaurant_review::model::{
    Capability, Done, ListQuery, NewReview, Outcome, PhotoChange, Rating, RatingSummary, RestaurantId, ReviewAction,
    ReviewChange, ReviewQuery, ReviewSort, Search, SeenRestaurant, StaffReview, StaffReviewQuery, Subject,
    SubmissionId, Versioned,
};
use restaurant_review::photos::PhotoName;
use restaurant_review::store::{AddedReview, Store, StoreError};

use crate::every_store::{Kind, fresh, on_every_store};
use crate::store::restaurant;

on_every_store! {
    [sqlite Kind::Sqlite, postgresql Kind::Postgres]
    {
        async
            a_changed_restaurant_is_found_by_its_new_texts
            a_form_with_an_old_version_changes_nothing
            a_hidden_review_does_not_count_and_is_not_shown
            a_deleted_restaurant_leaves_its_photos_and_its_history
            a_changed_review_frees_the_photo_that_it_loses
            several_reviews_are_changed_unless_others_changed_them
            a_writer_has_one_review
            the_history_of_a_review_that_was_taken_back_has_no_text
            a_restaurant_that_is_sent_twice_is_recorded_once
            a_review_that_the_staff_sends_twice_is_recorded_once
            changes_at_the_same_time_do_not_block_each_other
    }
}

pub fn new_review(name: &str, stars: i64, text: &str) -> NewReview {
    NewReview {
        user_name: name.into(),
        rating: Rating::new(stars).unwrap(),
        review_text: text.into(),
    }
}

pub async fn add(
    store: &dyn Store,
    id: RestaurantId,
    name: &str,
    stars: i64,
    photo: Option<&PhotoName>,
) -> StaffReview {
    let new = new_review(name, stars, "Text");
    let added = store.add_review(id, &new, photo, None, None).await.unwrap();
    assert_eq!(added, AddedReview::Added);
    let newest = store.staff_reviews(&StaffReviewQuery::default()).await.unwrap().reviews;
    newest.into_iter().max_by_key(|review| review.review.id).unwrap()
}

pub async fn read(store: &dyn Store, id: i64) -> StaffReview {
    store.staff_reviews_by_id(&[id]).await.unwrap().pop().unwrap()
}

async fn rating(store: &dyn Store, id: RestaurantId) -> RatingSummary {
    store
        .details(id, &ReviewQuery::default())
        .await
        .unwrap()
        .unwrap()
        .0
        .rating
}

async fn unclaimed(store: &dyn Store) -> Vec<PhotoName> {
    store.unclaimed_photos(Duration::ZERO).await.unwrap()
}

async fn version(store: &dyn Store, id: RestaurantId) -> Versioned {
    store.staff_restaurants_by_id(&[id]).await.unwrap()[0].versioned()
}

pub async fn seen(store: &dyn Store, id: RestaurantId) -> SeenRestaurant {
    store.staff_restaurants_by_id(&[id]).await.unwrap()[0].seen
}

async fn a_changed_restaurant_is_found_by_its_new_texts(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store
        .staff_add_restaurant(&restaurant("Old"), None, "ada")
        .await
        .unwrap();
    // A review changes the restaurant's row, but not the version of its texts.
    let seen = version(&*store, id).await;
    add(&*store, id, "Ada", 5, None).await;
    assert_eq!(version(&*store, id).await, seen);
    let new = restaurant("Straße");
    assert_eq!(store.change_restaurant(seen, &new, "bob").await.unwrap(), Outcome::Done);
    for (text, count) in [("old", 0), ("strasse", 1)] {
        let query = ListQuery {
            search: Search::parse(text),
            ..ListQuery::default()
        };
        assert_eq!(store.list(&query).await.unwrap().restaurants.len(), count, "{text}");
    }
    assert_eq!(store.fold_some().await.unwrap(), 0, "it is folded already");
    // Without a change there is nothing to record.
    let seen = version(&*store, id).await;
    assert_eq!(store.change_restaurant(seen, &new, "bob").await.unwrap(), Outcome::Done);
    let history = store.history(Subject::Restaurant(id), None).await.unwrap();
    let kinds: Vec<_> = history
        .iter()
        .map(|change| (change.by.as_str(), change.entry.done))
        .collect();
    assert_eq!(kinds, [("bob", Done::Changed), ("ada", Done::Added)]);
    assert!(history[0].entry.before.as_ref().unwrap().contains("Name: Old"));
    assert!(history[0].entry.after.as_ref().unwrap().contains("Name: Straße"));
}

async fn a_form_with_an_old_version_changes_nothing(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let (seen, before) = (version(&*store, id).await, seen(&*store, id).await);
    assert_eq!(
        store.change_restaurant(seen, &restaurant("B"), "ada").await.unwrap(),
        Outcome::Done
    );
    assert_eq!(
        store.change_restaurant(seen, &restaurant("C"), "bob").await.unwrap(),
        Outcome::Stale
    );
    // The first form, sent again, has nothing to do.
    assert_eq!(
        store.change_restaurant(seen, &restaurant("B"), "ada").await.unwrap(),
        Outcome::Done
    );
    assert_eq!(store.delete_restaurants(&[before], "bob").await.unwrap(), None);
    let missing = Versioned { id: id.0 + 9, ..seen };
    assert_eq!(
        store.change_restaurant(missing, &restaurant("C"), "bob").await.unwrap(),
        Outcome::Missing
    );

    let old = add(&*store, id, "Ada", 5, None).await.versioned();
    let change = |name: &str| ReviewChange {
        new: new_review(name, 4, "New"),
        photo: PhotoChange::Keep,
    };
    assert_eq!(
        store.change_review(old, &change("Bob"), "bob").await.unwrap(),
        Outcome::Done
    );
    assert_eq!(
        store.change_review(old, &change("Eve"), "eve").await.unwrap(),
        Outcome::Stale
    );
    assert_eq!(
        store.change_review(old, &change("Bob"), "bob").await.unwrap(),
        Outcome::Done
    );
    assert_eq!(store.history(Subject::Review(old.id), None).await.unwrap().len(), 1);
    assert_eq!(store.take_back_review(old, "eve").await.unwrap(), Outcome::Stale);
    for action in ReviewAction::ALL {
        assert!(store.act_on_reviews(&[old], action, "eve").await.unwrap().is_empty());
    }
    let review = read(&*store, old.id).await;
    assert_eq!((review.review.user_name.as_str(), review.is_hidden), ("Bob", false));
    let missing = Versioned { id: old.id + 9, ..old };
    assert_eq!(
        store.change_review(missing, &change("Eve"), "eve").await.unwrap(),
        Outcome::Missing
    );
    assert_eq!(store.take_back_review(missing, "eve").await.unwrap(), Outcome::Missing);
    // Nothing holds a lock: the same rows can be changed at once.
    assert_eq!(
        store
            .change_review(review.versioned(), &change("Cy"), "cy")
            .await
            .unwrap(),
        Outcome::Done
    );
    let authors: Vec<_> = store
        .history(Subject::All, None)
        .await
        .unwrap()
        .into_iter()
        .map(|change| change.by)
        .collect();
    assert_eq!(authors, ["cy", "bob", "ada"]);
}

async fn a_hidden_review_does_not_count_and_is_not_shown(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let (old_photo, new_photo) = (PhotoName::random(), PhotoName::random());
    add(&*store, id, "Old", 5, Some(&old_photo)).await;
    let new = add(&*store, id, "New", 1, Some(&new_photo)).await;
    let cover = async || {
        store.list(&ListQuery::default()).await.unwrap().restaurants[0]
            .cover
            .clone()
    };
    assert_eq!(cover().await, Some(new_photo.clone()));

    let hidden = store
        .act_on_reviews(&[new.versioned()], ReviewAction::Hide, "ada")
        .await
        .unwrap();
    assert_eq!(hidden, std::slice::from_ref(&new));
    assert_eq!(rating(&*store, id).await, RatingSummary { sum: 5, count: 1 });
    for sort in ReviewSort::ALL {
        for with_photo in [false, true] {
            let query = ReviewQuery {
                sort,
                with_photo,
                ..ReviewQuery::default()
            };
            let (_, page) = store.details(id, &query).await.unwrap().unwrap();
            assert_eq!(page.reviews.len(), 1, "{query:?}");
        }
    }
    let photos = store.photos(id).await.unwrap();
    assert_eq!(
        photos.into_iter().map(|photo| photo.photo).collect::<Vec<_>>(),
        std::slice::from_ref(&old_photo)
    );
    assert_eq!(cover().await, Some(old_photo));
    assert!(unclaimed(&*store).await.is_empty(), "the photo is still the review's");

    // The photo gets another name. Until then, visitors may know its address.
    let exposed = async || store.exposed_photos().await.unwrap();
    assert_eq!(exposed().await, [(new.review.id, new_photo.clone())]);
    let renamed = PhotoName::random();
    store.announce_photo(&renamed).await.unwrap();
    assert!(
        store
            .rename_hidden_photo(new.review.id, &new_photo, &renamed)
            .await
            .unwrap()
    );
    assert!(
        !store
            .rename_hidden_photo(new.review.id, &new_photo, &renamed)
            .await
            .unwrap()
    );
    assert!(exposed().await.is_empty());
    assert_eq!(unclaimed(&*store).await, [new_photo]);

    // If it is hidden again, it may have been seen meanwhile. While it is shown, everybody may see it.
    let again = read(&*store, new.review.id).await.versioned();
    store.act_on_reviews(&[again], ReviewAction::Hide, "ada").await.unwrap();
    assert_eq!(exposed().await.len(), 1);
    let review = read(&*store, new.review.id).await;
    assert!(review.is_hidden && review.version != new.version);
    let shown = store
        .act_on_reviews(&[review.versioned()], ReviewAction::Show, "bob")
        .await
        .unwrap();
    assert_eq!(shown.len(), 1);
    assert!(exposed().await.is_empty());
    assert_eq!(rating(&*store, id).await, RatingSummary { sum: 6, count: 2 });
    assert_eq!(cover().await, Some(renamed.clone()));
    assert!(
        !store
            .rename_hidden_photo(new.review.id, &renamed, &PhotoName::random())
            .await
            .unwrap()
    );
    let history = store.history(Subject::Review(new.review.id), None).await.unwrap();
    let kinds: Vec<_> = history.iter().map(|change| change.entry.done).collect();
    assert_eq!(kinds, [Done::Shown, Done::Hidden, Done::Hidden]);
}

async fn a_deleted_restaurant_leaves_its_photos_and_its_history(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("Gone"), None).await.unwrap();
    let other = store.add_restaurant(&restaurant("Stays"), None).await.unwrap();
    let photo = PhotoName::random();
    add(&*store, id, "Ada", 5, Some(&photo)).await;
    let hidden = add(&*store, id, "Bob", 1, None).await;
    store
        .act_on_reviews(&[hidden.versioned()], ReviewAction::Hide, "ada")
        .await
        .unwrap();
    let found = store
        .staff_restaurants_by_id(&[other, id, id, RestaurantId(999)])
        .await
        .unwrap();
    let counts: Vec<_> = found
        .iter()
        .map(|found| (found.id, found.reviews, found.photos))
        .collect();
    assert_eq!(counts, [(id, 2, 1), (other, 0, 0)]);

    let photos = store
        .delete_restaurants(&[seen(&*store, id).await], "ada")
        .await
        .unwrap();
    assert_eq!(photos, Some(vec![photo.clone()]));
    assert!(store.details(id, &ReviewQuery::default()).await.unwrap().is_none());
    assert!(store.details(other, &ReviewQuery::default()).await.unwrap().is_some());
    assert_eq!(unclaimed(&*store).await, [photo]);
    let last = store.history(Subject::Restaurant(id), None).await.unwrap().remove(0);
    assert_eq!((last.entry.done, last.entry.review), (Done::Deleted, None));
    let text = last.entry.before.unwrap();
    assert!(
        text.contains("Name: Gone") && text.contains("Reviews: 2") && text.contains("Photos: 1"),
        "{text}"
    );
}

async fn a_changed_review_frees_the_photo_that_it_loses(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let (first, second) = (PhotoName::random(), PhotoName::random());
    let review = add(&*store, id, "Ada", 5, Some(&first)).await;
    store.announce_photo(&second).await.unwrap();
    let mut change = ReviewChange {
        new: new_review("Ada", 2, "Better"),
        photo: PhotoChange::Replace(second.clone()),
    };
    assert_eq!(
        store.change_review(review.versioned(), &change, "ada").await.unwrap(),
        Outcome::Done
    );
    assert_eq!(unclaimed(&*store).await, [first]);
    assert_eq!(rating(&*store, id).await, RatingSummary { sum: 2, count: 1 });
    let review = read(&*store, review.review.id).await;
    assert_eq!(review.review.photo, Some(second.clone()));
    change.photo = PhotoChange::Remove;
    assert_eq!(
        store.change_review(review.versioned(), &change, "ada").await.unwrap(),
        Outcome::Done
    );
    assert_eq!(read(&*store, review.review.id).await.review.photo, None);
    assert!(unclaimed(&*store).await.contains(&second));
    let history = store.history(Subject::Review(review.review.id), None).await.unwrap();
    assert!(history[0].entry.after.as_ref().unwrap().contains("Photo: none"));
    assert!(history[1].entry.before.as_ref().unwrap().contains("Rating: 5"));
}

async fn several_reviews_are_changed_unless_others_changed_them(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let first = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let second = store.add_restaurant(&restaurant("B"), None).await.unwrap();
    let mut seen = Vec::new();
    for (id, stars) in [(first, 5), (second, 4), (first, 3), (second, 2)] {
        seen.push(add(&*store, id, "Ada", stars, None).await.versioned());
    }
    store
        .act_on_reviews(&seen[..1], ReviewAction::Hide, "bob")
        .await
        .unwrap();
    let done = store.act_on_reviews(&seen, ReviewAction::Delete, "ada").await.unwrap();
    let ids: Vec<_> = done.iter().map(|review| review.review.id).collect();
    assert_eq!(ids, seen[1..].iter().map(|row| row.id).collect::<Vec<_>>());
    assert!(read(&*store, seen[0].id).await.is_hidden);
    for id in [first, second] {
        assert_eq!(rating(&*store, id).await, RatingSummary::default());
    }
    let history = store.history(Subject::Restaurant(second), None).await.unwrap();
    assert_eq!(history.len(), 2);
    assert!(
        history
            .iter()
            .all(|change| change.entry.before.as_ref().unwrap().contains("Name: Ada"))
    );
}

async fn a_writer_has_one_review(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let key = Capability::random();
    let submission = SubmissionId::of("form", &[b"contents"]);
    let new = new_review("Ada", 5, "Mine");
    let send = |key| store.add_review(id, &new, None, submission.as_ref(), Some(key));
    assert_eq!(send(&key).await.unwrap(), AddedReview::Added);
    // Someone else who sends the same form does not get the review.
    let other = Capability::random();
    assert_eq!(send(&other).await.unwrap(), AddedReview::Repeated);
    assert_eq!(store.review_of_writer(other.hash()).await.unwrap(), None);
    let review = store.review_of_writer(key.hash()).await.unwrap().unwrap();
    assert_eq!(
        (review.review.user_name.as_str(), review.restaurant_name.as_str()),
        ("Ada", "A")
    );
}

async fn the_history_of_a_review_that_was_taken_back_has_no_text(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let photo = PhotoName::random();
    let review = add(&*store, id, "Ada", 5, Some(&photo)).await;
    let change = ReviewChange {
        new: new_review("Ada", 4, "Private"),
        photo: PhotoChange::Keep,
    };
    store.change_review(review.versioned(), &change, "bob").await.unwrap();
    let seen = read(&*store, review.review.id).await.versioned();
    assert_eq!(store.take_back_review(seen, "the writer").await.unwrap(), Outcome::Done);
    assert_eq!(rating(&*store, id).await, RatingSummary::default());
    assert_eq!(unclaimed(&*store).await, [photo]);
    let history = store.history(Subject::Review(seen.id), None).await.unwrap();
    let entries: Vec<_> = history
        .iter()
        .map(|change| (change.by.as_str(), change.entry.done))
        .collect();
    assert_eq!(entries, [("the writer", Done::Deleted), ("bob", Done::Changed)]);
    assert!(
        history
            .iter()
            .all(|change| change.entry.before.is_none() && change.entry.after.is_none())
    );
}

async fn a_restaurant_that_is_sent_twice_is_recorded_once(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let submission = SubmissionId::of("form", &[b"contents"]);
    let (once, new) = (submission.as_ref(), restaurant("Once"));
    let id = store.staff_add_restaurant(&new, once, "ada").await.unwrap();
    assert_eq!(store.staff_add_restaurant(&new, once, "ada").await.unwrap(), id);
    assert_ne!(store.staff_add_restaurant(&new, None, "ada").await.unwrap(), id);
    assert_eq!(store.history(Subject::All, None).await.unwrap().len(), 2);
}

async fn a_review_that_the_staff_sends_twice_is_recorded_once(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let (first, second) = (PhotoName::random(), PhotoName::random());
    for photo in [&first, &second] {
        store.announce_photo(photo).await.unwrap();
    }
    let submission = SubmissionId::of("form", &[b"contents"]);
    let new = new_review("Ada", 5, "By telephone");
    let send = async |to, photo, by| {
        let added = store.staff_add_review(to, &new, photo, submission.as_ref(), by);
        added.await.unwrap()
    };
    assert_eq!(send(RestaurantId(id.0 + 9), Some(&first), "bob").await, None);
    let added = send(id, Some(&first), "bob").await.unwrap();
    assert_eq!(send(id, Some(&second), "bob").await, Some(added));
    assert_eq!(unclaimed(&*store).await, [second]);
    assert_eq!(rating(&*store, id).await, RatingSummary { sum: 5, count: 1 });
    let review = read(&*store, added.0).await;
    assert_eq!((&review.review.photo, review.restaurant), (&Some(first), id));
    let history = store.history(Subject::All, None).await.unwrap();
    let [change] = &history[..] else {
        panic!("{history:?}");
    };
    assert_eq!((change.by.as_str(), change.entry.done), ("bob", Done::Added));
    assert_eq!((change.entry.restaurant, change.entry.review), (id, Some(added.0)));
    assert_eq!(
        (&change.entry.before, &change.entry.after),
        (&None, &Some(review.text()))
    );
}

/// Deletions of restaurants, changes of their reviews and new reviews lock the same rows.
async fn changes_at_the_same_time_do_not_block_each_other(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let store: std::sync::Arc<dyn Store> = store.into();
    for _ in 0..6 {
        let id = store.add_restaurant(&restaurant("Busy"), None).await.unwrap();
        let mut reviews = Vec::new();
        for stars in [1, 2, 3] {
            reviews.push(add(&*store, id, "Ada", stars, None).await.versioned());
        }
        let acting = |action| {
            let (store, reviews) = (store.clone(), reviews.clone());
            async move { store.act_on_reviews(&reviews, action, "ada").await.map(|_| ()) }
        };
        // Again, as long as the others change something.
        let deleting = async {
            while store
                .delete_restaurants(&[seen(&*store, id).await], "bob")
                .await?
                .is_none()
            {}
            Ok::<_, StoreError>(())
        };
        let review = new_review("New", 5, "Meanwhile");
        let adding = async {
            store.add_review(id, &review, None, None, None).await?;
            store.staff_add_review(id, &review, None, None, "eve").await.map(|_| ())
        };
        let results = tokio::join!(
            acting(ReviewAction::Hide),
            deleting,
            adding,
            acting(ReviewAction::Delete),
            acting(ReviewAction::Show)
        );
        for result in [results.0, results.1, results.2, results.3, results.4] {
            result.unwrap();
        }
        assert!(store.details(id, &ReviewQuery::default()).await.unwrap().is_none());
    }
}
