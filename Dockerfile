# The site as a container image, for Web App for Containers; see docs/tutorial.md. The image holds the binary and the
# libraries that it loads, but no shell, and runs as an unprivileged user.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --no-default-features --package restaurant-review

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/restaurant-review /app/restaurant-review
# Used only when no database is set. Files in a container are lost when it ends.
ENV DATA_DIR=/home/nonroot/data
ENV HOST=0.0.0.0
ENV PORT=8000
# Returns the memory of large photos to the system; start.sh explains it.
ENV MALLOC_MMAP_THRESHOLD_=131072
EXPOSE 8000
# The image's user nonroot, given by number: Kubernetes' runAsNonRoot cannot check a name.
USER 65532
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["/app/restaurant-review", "healthcheck"]
ENTRYPOINT ["/app/restaurant-review"]
