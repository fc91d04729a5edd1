-- After a review was hidden, its photo gets a new name, because visitors may have its address. Until it has one, the photo
-- is exposed: if the process dies in between, the clean-up finds it here.
alter table reviews add column photo_exposed integer not null default 0 check (photo_exposed in (0, 1));
