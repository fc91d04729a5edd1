select id, name, street_address, description, rating_1, rating_2, rating_3, rating_4, rating_5
from restaurants
where id = ?1
