# Adapters and libraries of maintkit-migrate.
ext_migrate := db propsfile propsbase hrmxml hrmxml_pool mirror
libs_migrate := -lmariadb -lxml2
