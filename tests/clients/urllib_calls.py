"""urllib: it sends user and password only once it is challenged for them."""

import sys
import urllib.request

url, user, password = sys.argv[1:]
passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, url, user, password)
handler = urllib.request.HTTPBasicAuthHandler(passwords)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
with opener.open(url, timeout=20) as response:
    print(response.read().decode())
