[oscar-emr]
title=OSCAR EMR
description=OSCAR electronic medical record, https
ports=8443/tcp
