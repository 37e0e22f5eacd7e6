# Adapters and libraries of maintkit-backup.
ext_backup := db identity pgp pgp_pipe pgp_loop pgp_key pgp_port pgp_gpg archive
libs_backup := -lmariadb -lgpgme -larchive
