#!/usr/bin/python3
"""Neutron's API, with its database classes whole before the first request.

Otherwise a process that is asked for ports first answers 500 ("Port has no attribute port_forwardings"), and goes on so until
something else is asked.
"""

from neutron.cmd.server import main_api_uwsgi
from sqlalchemy.orm import configure_mappers

application = main_api_uwsgi()
configure_mappers()
