//! The conformance suite of the deletion of restaurants: it deletes what its confirmation has shown, or nothing.

use restaurant_review::model::{
    Done, NewRestaurant, Outcome, PhotoChange, RestaurantId, ReviewAction, ReviewChange, ReviewQuery, SeenRestaurant,
    StaffReview, Subject,
};
use restaurant_review::photos::PhotoName;
use restaurant_review::store::{AddedReview, Store};

use crate::every_store::{Kind, fresh, on_every_store};
use crate::store::restaurant;
use crate::store_staff::{add, new_review, read, seen};

on_every_store! {
    [sqlite Kind::Sqlite, postgresql Kind::Postgres]
    {
        async
            nothing_is_deleted_if_anything_changed_since_the_confirmation
            a_deletion_records_the_texts_of_the_reviews
            of_a_new_review_and_a_deletion_at_the_same_time_only_one_succeeds
    }
}

async fn act(store: &dyn Store, review: &StaffReview, action: ReviewAction) {
    let done = store
        .act_on_reviews(&[review.versioned()], action, "ada")
        .await
        .unwrap();
    assert_eq!(done.len(), 1);
}

async fn change(store: &dyn Store, review: &StaffReview) {
    let change = ReviewChange {
        new: new_review("Ada", 5, "Corrected"),
        photo: PhotoChange::Keep,
    };
    let changed = store.change_review(review.versioned(), &change, "the writer").await;
    assert_eq!(changed.unwrap(), Outcome::Done);
}

async fn rename(store: &dyn Store, id: RestaurantId, name: &str) {
    let version = store.staff_restaurants_by_id(&[id]).await.unwrap()[0].versioned();
    let changed = store.change_restaurant(version, &restaurant(name), "ada").await;
    assert_eq!(changed.unwrap(), Outcome::Done);
}

async fn nothing_is_deleted_if_anything_changed_since_the_confirmation(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let store = &*store;
    let other = store.add_restaurant(&restaurant("Other"), None).await.unwrap();
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let first = add(store, id, "Ada", 5, None).await;
    let second = add(store, id, "Bob", 4, None).await;
    // Both are deleted, or neither.
    let delete = async |before: SeenRestaurant| {
        let chosen = [seen(store, other).await, before];
        store.delete_restaurants(&chosen, "eve").await.unwrap()
    };
    let is_refused = async |before: SeenRestaurant, what: &str| {
        assert_ne!(seen(store, id).await, before, "{what}");
        assert_eq!(delete(before).await, None, "{what}");
    };

    let before = seen(store, id).await;
    let third = add(store, id, "Cy", 1, None).await;
    is_refused(before, "a review has arrived").await;

    let before = seen(store, id).await;
    change(store, &first).await;
    is_refused(before, "its writer has changed a review").await;

    let before = seen(store, id).await;
    act(store, &second, ReviewAction::Hide).await;
    is_refused(before, "a review was hidden").await;

    let before = seen(store, id).await;
    let hidden = read(store, second.review.id).await;
    change(store, &hidden).await;
    is_refused(before, "a hidden review was changed").await;

    let before = seen(store, id).await;
    act(store, &third, ReviewAction::Delete).await;
    is_refused(before, "a review was deleted").await;

    let before = seen(store, id).await;
    add(store, id, "Dee", 1, None).await;
    let first = read(store, first.review.id).await;
    assert_eq!(
        store.take_back_review(first.versioned(), "the writer").await.unwrap(),
        Outcome::Done
    );
    is_refused(before, "one review has arrived, and another one was taken back").await;

    let before = seen(store, id).await;
    rename(store, id, "B").await;
    is_refused(before, "it was renamed").await;

    // A review of another restaurant does not matter.
    let before = seen(store, id).await;
    add(store, other, "Ada", 3, None).await;
    let twice = [before, before];
    assert!(store.delete_restaurants(&twice, "eve").await.unwrap().is_some());
    assert!(store.details(id, &ReviewQuery::default()).await.unwrap().is_none());

    is_gone_for_others(store, before, other).await;
}

/// A restaurant that someone else has deleted keeps the others that were chosen with it.
async fn is_gone_for_others(store: &dyn Store, gone: SeenRestaurant, other: RestaurantId) {
    let chosen = [seen(store, other).await, gone];
    assert_eq!(store.delete_restaurants(&chosen, "eve").await.unwrap(), None);
    assert!(store.details(other, &ReviewQuery::default()).await.unwrap().is_some());
    // Nothing holds a lock.
    rename(store, other, "Renamed").await;
    assert!(
        store
            .delete_restaurants(&[seen(store, other).await], "eve")
            .await
            .unwrap()
            .is_some()
    );
    let deleted = store.history(Subject::All, None).await.unwrap();
    let restaurants = deleted
        .iter()
        .filter(|change| change.entry.done == Done::Deleted && change.entry.review.is_none());
    assert_eq!(restaurants.count(), 2);
}

async fn a_deletion_records_the_texts_of_the_reviews(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let store = &*store;
    let photo = PhotoName::random();
    let mut histories = Vec::new();
    // The same reviews: some are deleted one by one, the others with their restaurant.
    for with_restaurant in [false, true] {
        let texts = NewRestaurant {
            name: "50% \\n %s".into(),
            ..restaurant("A")
        };
        let id = store.add_restaurant(&texts, None).await.unwrap();
        let reviews = [
            add(store, id, "Ada", 5, Some(&photo)).await,
            add(store, id, "%s 'Bob' ü", 1, None).await,
        ];
        act(store, &reviews[1], ReviewAction::Hide).await;
        if with_restaurant {
            let deleted = store.delete_restaurants(&[seen(store, id).await], "ada").await.unwrap();
            assert_eq!(deleted, Some(vec![photo.clone()]));
        } else {
            for review in &reviews {
                act(store, &read(store, review.review.id).await, ReviewAction::Delete).await;
            }
        }
        let mut history = store.history(Subject::Restaurant(id), None).await.unwrap();
        if with_restaurant {
            // The latest change is that of the restaurant itself.
            assert_eq!(history.remove(0).entry.review, None);
        }
        let entries = history.into_iter().map(|change| {
            let which = reviews
                .iter()
                .position(|review| Some(review.review.id) == change.entry.review);
            (
                change.by,
                change.entry.done,
                which.unwrap(),
                change.entry.before,
                change.entry.after,
            )
        });
        histories.push(entries.collect::<Vec<_>>());
        let of_review = store
            .history(Subject::Review(reviews[0].review.id), None)
            .await
            .unwrap();
        assert_eq!(of_review[0].entry.before, Some(reviews[0].text()));
    }
    assert_eq!(histories[0].len(), 3);
    assert_eq!(histories[0], histories[1]);
}

async fn of_a_new_review_and_a_deletion_at_the_same_time_only_one_succeeds(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    for _ in 0..8 {
        let id = store.add_restaurant(&restaurant("Busy"), None).await.unwrap();
        let before = [seen(&*store, id).await];
        let review = new_review("New", 5, "Meanwhile");
        let (added, deleted) = tokio::join!(
            store.add_review(id, &review, None, None, None),
            store.delete_restaurants(&before, "bob")
        );
        let is_added = added.unwrap() == AddedReview::Added;
        assert_ne!(is_added, deleted.unwrap().is_some());
        let found = store.staff_restaurants_by_id(&[id]).await.unwrap();
        assert_eq!(
            found.iter().map(|found| found.reviews).sum::<u64>(),
            u64::from(is_added)
        );
    }
}
