# The service in a small image: one binary, no shell, no root.
#
#   docker build -t comfrey .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 -v comfrey-data:/data \
#     -e COMFREY_ISSUER=https://issuer.example -e COMFREY_AUDIENCE=https://fhir.example/fhir \
#     -e COMFREY_JWKS=https://issuer.example/jwks comfrey

FROM rust:1.95-slim-bookworm AS build
# perl and make build OpenSSL, which libpq needs for TLS to PostgreSQL; all else is Rust and C.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make perl ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --features postgres-tls
# The program with just the libraries that it loads, and the certificates it trusts.
RUN mkdir -p /image/usr/local/bin /image/etc/ssl/certs /image/data /image/tmp \
    && cp target/release/comfrey /image/usr/local/bin/ \
    && cp LICENSE /image/ \
    && cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && ldd target/release/comfrey | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} /image \
    && chmod 1777 /image/tmp \
    && chown 65532:65532 /image/data

# about 56 MB: no shell, no package manager
FROM scratch
COPY --from=build /image /
# OpenSSL compiled in does not know where a system keeps its certificates.
ENV COMFREY_LISTEN=0.0.0.0:8080 \
    COMFREY_DATABASE_URL=sqlite:/data/comfrey.db \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /data
VOLUME /data
EXPOSE 8080
USER 65532:65532
# It asks by the settings of the container: the address, and HTTPS where there is a certificate.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
    CMD ["/usr/local/bin/comfrey", "health"]
ENTRYPOINT ["/usr/local/bin/comfrey"]
CMD ["serve"]
