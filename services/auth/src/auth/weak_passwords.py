"""The passwords that are tried first: the most common of the published leaks, of eight characters or more."""

from typing import Final

MOST_COMMON: Final = frozenset(
    """
    00000000 01012011 0123456789 0987654321 10203040 11111111 1111111111 11223344 1122334455 112233445566 11235813
    12121212 121212121212 12312312 123123123 123321123 12341234 12344321 1234512345 12345678 123456789 1234567890
    12345678910 1234567899 123456789a 123456789q 123456abc 12345qwert 1234qwer 123654789 123qwe123 123qweasd
    12qwaszx 147258369 147852369 159357456 19841984 1a2b3c4d 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc
    1qazxsw2 22222222 55555555 66666666 741852963 77777777 789456123 87654321 88888888 963852741 98765432 987654321
    99999999 a1b2c3d4 a1s2d3f4 aa123456 aa12345678 aaaaaaaa abc12345 abcd1234 abcd12345 abcdefg1 abcdefgh access14
    admin123 admin1234 admin12345 administrator alexander anthony1 asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl
    baseball basketball benjamin blink182 butterfly caroline change-me changeme changeme1 changeme123 charlie1
    chelsea1 chocolate christian computer corvette courtney creative danielle december default1 dragon123 einstein
    elephant elizabeth estrella facebook football football1 franklin freedom1 fuckyou1 garfield guitar123 hello123
    hellohello helloworld iloveyou iloveyou1 iloveyou2 internet isabella jennifer jessica1 jonathan jordan23
    justin123 killer123 laptop123 letmein1 letmein123 letmeinnow liverpool liverpool1 login123 lovelove loveyou1
    manchester marlboro master123 maverick mercedes michael1 michelle midnight minecraft monkey123 motorola mustang1
    newyork1 nicholas nothing1 november p@$$w0rd p@ssw0rd p@ssword pa$$w0rd pa55word pakistan passport passw0rd
    password password! password1 password1! password12 password123 password123! password1234 password12345 password2
    patricia pokemon1 princess princess1 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazwsx123 qazwsxedc qq123456 qweasdzxc
    qwer1234 qwerasdf qwert123 qwert12345 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertyui qwertyuiop
    rockyou1 samantha samsung1 scorpion secret123 september slipknot snickers spiderman starwars steelers sunshine
    sunshine1 superman superman1 superstar target123 test1234 testtest thunder1 tinkerbell trustno1 victoria
    warcraft welcome1 welcome12 welcome123 whatever william1 yankees1 zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123
    """.split()
)
