# Adapters and libraries of maintkit-migrate.
ext_migrate := db propsfile propsbase hrmxml hrmxml_pool
libs_migrate := -lmariadb -lxml2
