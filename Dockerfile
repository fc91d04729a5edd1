# The site in a container, for Web App for Containers: docs/tutorial.md says how. It holds the binary and what the
# binary loads, no shell, and runs as a user without rights.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package restaurant-review

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/restaurant-review /app/restaurant-review
# Only where no database is set: a container keeps nothing.
ENV DATA_DIR=/home/nonroot/data
ENV HOST=0.0.0.0
ENV PORT=8000
# The memory of large photos goes back to the system; start.sh says how.
ENV MALLOC_MMAP_THRESHOLD_=131072
EXPOSE 8000
# The image's user nonroot, by its number: whoever enforces that no root runs can tell.
USER 65532
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["/app/restaurant-review", "healthcheck"]
ENTRYPOINT ["/app/restaurant-review"]
