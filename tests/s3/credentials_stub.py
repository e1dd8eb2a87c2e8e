"""Stands for the services that give keys: STS (POST /), a container's (GET /container), a machine's (IMDSv2).
  credentials_stub.py PORT LOG EXPIRES_S
The keys are those of the environment; they expire EXPIRES_S seconds from now. Each request is a line in LOG."""
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

log = open(sys.argv[2], 'a', buffering=1)
TOKEN = 'imds-token-for-the-test'


def keys():
    expires = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + float(sys.argv[3])))
    return {'AccessKeyId': os.environ['STUB_KEY_ID'], 'SecretAccessKey': os.environ['STUB_SECRET'], 'Expiration': expires}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def reply(self, status, body):
        log.write('%s %s %d\n' % (self.command, self.path, status))
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        if self.path == '/container':
            good = self.headers.get('Authorization') == 'container-token-for-the-test'
            return self.reply(200 if good else 403, json.dumps(keys()) if good else '')
        if self.headers.get('X-aws-ec2-metadata-token') != TOKEN:
            return self.reply(401, '')
        if self.path == '/latest/meta-data/iam/security-credentials/':
            return self.reply(200, 'a role/with odd')
        if self.path == '/latest/meta-data/iam/security-credentials/a%20role%2Fwith%20odd':
            return self.reply(200, json.dumps(keys()))
        return self.reply(404, '')

    def do_PUT(self):
        good = self.path == '/latest/api/token' and self.headers.get('X-aws-ec2-metadata-token-ttl-seconds')
        return self.reply(200 if good else 404, TOKEN if good else '')

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        if 'Action=AssumeRoleWithWebIdentity' not in body or 'WebIdentityToken=web-token-for-the-test' not in body:
            return self.reply(400, '')
        k = keys()
        return self.reply(200, '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                          '<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s'
                          '</SecretAccessKey><Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult>'
                          '</AssumeRoleWithWebIdentityResponse>' % (k['AccessKeyId'], k['SecretAccessKey'], k['Expiration']))


ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
