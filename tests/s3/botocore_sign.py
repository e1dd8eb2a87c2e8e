"""Signs the requests on stdin (one JSON object a line) with botocore and compares: the judge of
tests/unit/store_s3_sign_test.c. Exit 1 at the first that differs."""
import json
import sys

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

count = 0
for line in sys.stdin:
    given = json.loads(line)
    url = 'http://' + given['headers']['host'] + given['path']
    if given['query']:
        url += '?' + given['query']
    request = AWSRequest(method=given['method'], url=url, headers=given['headers'])
    request.context['timestamp'] = given['headers']['x-amz-date']
    auth = S3SigV4Auth(Credentials(given['id'], given['secret']), 's3', given['region'])
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    if not given['authorization'].endswith(',Signature=' + signature):
        print('differs:', line, canonical, sep='\n')
        sys.exit(1)
    count += 1
print(count, 'requests agree')
