# Adapters of maintkit-app; see the Makefile.
ext_app := release propsfile crontab
