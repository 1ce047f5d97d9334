"""The seed on the operator's laptop: a libvirt VM with the appliance's image, or the image on a USB stick.

It imports no screen, prints nothing and asks nothing: `seedvm.cli.host` asks. What it changes on the laptop's network it writes down
first and puts back.
"""
