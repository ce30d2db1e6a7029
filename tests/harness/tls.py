# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for tests, made with the `openssl` command; equal ones are made once per run.

    pki = t.pki
    pki.server("srv")                              a folder for endpoint=server
    pki.client("cli", dn=pki.dn("CN=a,O=b"))       a folder for endpoint=client
    pki.server("srv2", ca="other", expired=True)

`dn` is a list of (attribute, value) in the order of encoding; pki.dn() reads it from text.
"""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time

DAY = 86400
CONF = """
[ ca ]
default_ca = d
[ d ]
database = {w}/index.txt
serial = {w}/serial
crlnumber = {w}/crlnumber
new_certs_dir = {w}/new
unique_subject = no
default_md = sha256
default_crl_days = {d}
policy = p
email_in_dn = yes
[ p ]
commonName = optional
[ req ]
distinguished_name = rdn
string_mask = utf8only
[ rdn ]
"""
CLIENT_DN = (("C", "GB"), ("O", "Example Org"), ("CN", "client.example.com"))


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError("%s failed: %s" % (" ".join(argv[:3]), done.stdout.decode("utf-8", "replace")[-1500:]))


def put(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def get(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def stamp(at):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))


def new_key(kind, path):
    how = {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
           "ed25519": ["ED25519"]}[kind]
    run("openssl", "genpkey", "-out", path, "-algorithm", *how)


class Pki:
    def __init__(self, cache, directory):
        self.cache, self.directory = cache, directory

    @staticmethod
    def dn(text):
        """"CN=a,O=b" (no escapes) as a list of pairs, in the order of the text."""
        return [tuple(part.split("=", 1)) for part in text.split(",")]

    @staticmethod
    def identity(dn):
        """The identity string that an authorization object compares with, for plain values."""
        return ",".join("%s=%s" % pair for pair in dn)

    def _once(self, spec, make):
        """Makes a folder of the cache for this spec if it is not there; safe for several processes."""
        name = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:20]
        folder = os.path.join(self.cache, name)
        with open(os.path.join(self.cache, "pki.lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(os.path.join(folder, "done")):
                shutil.rmtree(folder, ignore_errors=True)
                os.makedirs(os.path.join(folder, "new"))
                make(folder)
                put(os.path.join(folder, "done"), "")
        return folder

    def _conf(self, folder, crl_days=300):
        put(os.path.join(folder, "conf"), CONF.format(w=folder, d=crl_days))
        put(os.path.join(folder, "index.txt"), "")
        put(os.path.join(folder, "serial"), "1000\n")
        put(os.path.join(folder, "crlnumber"), "01\n")
        return os.path.join(folder, "conf")

    def ca(self, name="main", expired=False):
        """The folder of a certificate authority: cert.pem, key.pem."""
        def make(folder):
            conf = self._conf(folder)
            self._issue(folder, folder, conf, "ec", [("CN", "Test CA " + name)],
                        ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign,cRLSign"],
                        expired, False, own=True)
        return self._once(["ca", name, expired], make)

    def _issue(self, folder, ca, conf, key, dn, extensions, expired, not_yet, own=False):
        path = lambda name: os.path.join(folder, name)
        new_key(key, path("key.pem"))
        escaped = ["/%s=%s" % (t, v.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")) for t, v in dn]
        run("openssl", "req", "-new", "-config", conf, "-key", path("key.pem"), "-utf8",
            "-subj", "".join(escaped) or "/", "-out", path("csr.pem"))
        put(path("ext"), "\n".join(["subjectKeyIdentifier = hash"] + extensions) + "\n")
        now = int(time.time())
        start, end = (now - 30 * DAY, now - DAY) if expired else (now + 10 * DAY, now + 90 * DAY) if not_yet \
            else (now - DAY, now + 365 * DAY)
        run("openssl", "ca", "-config", conf, "-batch", "-notext", "-preserveDN", "-utf8", "-startdate", stamp(start),
            "-enddate", stamp(end), "-in", path("csr.pem"), "-out", path("cert.pem"), "-extfile", path("ext"),
            "-keyfile", os.path.join(ca, "key.pem"), *(["-selfsign"] if own else ["-cert", os.path.join(ca, "cert.pem")]))

    def leaf(self, role, ca="main", dn=None, san=None, key="ec", expired=False, not_yet=False, serial_of="",
             critical_usage=False):
        """The folder of one certificate of the role "server" or "client": cert.pem, key.pem."""
        if dn is None:
            dn = [("CN", "localhost")] if role == "server" else CLIENT_DN
        if san is None and role == "server":
            san = "DNS:localhost,IP:127.0.0.1"
        authority = self.ca(ca)

        def make(folder):
            self._issue(folder, authority, os.path.join(authority, "conf"), key, dn,
                        ["basicConstraints = critical,CA:FALSE", "keyUsage = critical,digitalSignature",
                         "extendedKeyUsage = %s%sAuth" % ("critical," if critical_usage else "", role)] + (["subjectAltName = " + san] if san else []),
                        expired, not_yet)
        return self._once(["leaf", role, ca, [list(p) for p in dn], san, key, expired, not_yet, serial_of, critical_usage], make)

    def _folder(self, role, name, trust, revoked=(), crl_days=300, omit=(), password=None, **leaf):
        out = os.path.join(self.directory, name)
        os.makedirs(out, exist_ok=True)
        shutil.copy(os.path.join(self.ca(trust or leaf.get("ca", "main")), "cert.pem"), os.path.join(out, "ca-cert.pem"))
        made = self.leaf(role, **leaf)
        shutil.copy(os.path.join(made, "cert.pem"), os.path.join(out, role + "-cert.pem"))
        shutil.copy(os.path.join(made, "key.pem"), os.path.join(out, role + "-key.pem"))
        if password:
            run("openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", os.path.join(made, "key.pem"),
                "-out", os.path.join(out, role + "-key.pem"), "-passout", "pass:" + password)
        os.chmod(os.path.join(out, role + "-key.pem"), 0o600)
        if revoked:
            self._crl(trust or leaf.get("ca", "main"), revoked, crl_days, os.path.join(out, "ca-crl.pem"))
        for file in omit:
            os.unlink(os.path.join(out, file))
        return out

    def server(self, name="server", trust=None, **more):
        """A folder for endpoint=server. `trust`: the CA whose certificate is ca-cert.pem (default: the issuer);
        `revoked`: leaf folders that its CRL names, which ends in `crl_days`; `omit`: files to leave out; the rest as in leaf()."""
        return self._folder("server", name, trust, **more)

    def client(self, name="client", trust=None, **more):
        """A folder for endpoint=client, likewise."""
        return self._folder("client", name, trust, **more)

    def _crl(self, ca, revoked, days, out):
        authority = self.ca(ca)

        def make(folder):
            conf = self._conf(folder, days)
            signer = ["-config", conf, "-keyfile", os.path.join(authority, "key.pem"), "-cert", os.path.join(authority, "cert.pem")]
            for leaf in revoked:
                run("openssl", "ca", *signer, "-revoke", os.path.join(leaf, "cert.pem"))
            run("openssl", "ca", *signer, "-gencrl", "-out", os.path.join(folder, "crl.pem"))
        shutil.copy(os.path.join(self._once(["crl", ca, list(revoked), days], make), "crl.pem"), out)
