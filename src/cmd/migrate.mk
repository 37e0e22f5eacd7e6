# Adapters and libraries of maintkit-migrate.
ext_migrate := db
libs_migrate := -lmariadb
