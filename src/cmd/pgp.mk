# Adapters and libraries of the pgp programs.
ext_pgp := propsfile propsbase pgp pgp_loop pgp_key pgp_port pgp_gpg pgp_home pgp_staging
libs_pgp := -lgpgme
ext_pgp-encrypt := pgp pgp_loop pgp_key pgp_port pgp_gpg pgp_home
libs_pgp-encrypt := -lgpgme
