// Passwords that are tried first, as NIST SP 800-63B asks for: written down from what is known to be common,
// not copied from a list. In small letters, of eight characters or more: shorter ones are refused anyway.

const rows = `
password password1 password2 password3 password7 password12 password123 password1234 password12345
password01 password11 password22 password99 password00 password69 password2020 password2021
password2022 password2023 password2024 password2025 password2026 password! password1! password123!
passw0rd passw0rd1 passw0rd! p@ssword p@ssword1 p@ssw0rd p@ssw0rd1 p@ssw0rd! p@ssw0rd123 pa$$word
pa$$w0rd pa55word pa55w0rd passwort passwort1 passwort123 motdepasse contrasena contraseña senha123
mypassword newpassword oldpassword thepassword yourpassword apassword passwordpassword passpass
passphrase passcode pass1234 pass12345 pass123456 pass@123 pass@1234 password@123 password@1
12345678 123456789 1234567890 12345678910 123456781 123456788 01234567 0123456789 0987654321
87654321 987654321 9876543210 11111111 111111111 1111111111 22222222 33333333 44444444 55555555
66666666 77777777 88888888 888888888 99999999 999999999 00000000 000000000 0000000000 12121212
123123123 1231231234 12341234 1234512345 11223344 1122334455 112233445566 11112222 12344321
123454321 123321123 13131313 10101010 01010101 20202020 69696969 77778888 147258369 159357159
159753159 741852963 789456123 147852369 963852741 98765432 23456789 31415926 314159265 27182818
19901990 20002000 20202021 20222022 20232023 20242024 20252025 20262026 12312312 99887766 87651234
qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty01 qwerty11
qwerty99 qwerty2020 qwerty2024 qwerty2025 qwerty2026 qwerty! qwerty1! qwertyqwerty qwert123
qwert1234 qwert12345 qwertz123 qwertzui qwertzuiop azertyui azertyuiop azerty123 asdfghjk asdfghjkl
asdfasdf asdf1234 asdf12345 asdfqwer asdasdasd asd123456 asdfgh123 zxcvbnm1 zxcvbnm123 zxcvbnmz
zxcvzxcv zxcasdqwe qazwsxedc qazwsx123 qazqazqaz 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 1q2w3e4r 1q2w3e4r5t
1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qweasdzxc qweqweqwe qwe123456 qweasd123 wasdwasd
1234qwer 1234asdf 123qweasd 123qwe123 123456qwe 123456qwerty 12345qwert qwer1234 qwer4321 zaq12wsx
zaq1zaq1 zaq1xsw2 !qaz2wsx !qaz@wsx 1qaz!qaz poiuytrewq lkjhgfdsa mnbvcxz1 0p9o8i7u
abcdefgh abcdefghi abcdefg1 abcd1234 abcd12345 abcd123456 abc12345 abc123456 abc123abc abcabcabc
abc123456789 a1234567 a12345678 a123456789 a1b2c3d4 a1b2c3d4e5 aa123456 aa12345678 ab123456 ab12345678
as123456 aaaaaaaa aaaaaaaaaa aaaa1111 aaa11111 q1234567 q123456789 z1234567 s1234567 123456aa
123456abc 12345abc 1234abcd 123456ab 12345678a 123456789a 123456789q asd12345 qq123456 ww123456
woaini1314 woaini520 5201314520 iloveyou iloveyou1 iloveyou2 iloveyou3 iloveyou12 iloveyou123
iloveyou! iloveme1 iloveme2 ilovejesus ilovegod iloveu123 iloveyouso loveyou1 loveyou2 lovelove
loveme123 mylove123 love1234 love12345 lovely123 truelove forever1 forever21 sweetheart
letmein1 letmein12 letmein123 letmein! letmeinnow welcome1 welcome2 welcome12 welcome123 welcome1234
welcome01 welcome! welcome1! welcome@123 welcome2024 welcome2025 welcome2026 changeme changeme1
changeme123 changeme! change123 changeit default1 default123 defaultpassword temp1234 temppass
temporary temporary1 trustno1 trustnoone whatever whatever1 nothing1 nothing123 secret12 secret123
secret1234 topsecret mysecret testtest test1234 test12345 test123456 testing1 testing123 tester123
sample123 example123 guest123 guest1234 user1234 user12345 username username1 login123 admin123
admin1234 admin12345 admin123456 admin@123 admin2024 admin2025 admin2026 adminadmin administrator
administrator1 root1234 rootroot toor1234 superuser superman superman1 superman123 supervisor
access14 access123 master123 master12 master1234 system123 server123 computer computer1 computer123
internet internet1 internet123 google123 google1234 facebook facebook1 facebook123 youtube123
microsoft microsoft1 windows1 windows10 windows11 android1 samsung1 samsung123 linkedin linkedin1
twitter1 dropbox1 company1 company123 business business1 office123 manager1 manager123
monkey12 monkey123 monkey1234 dragon12 dragon123 dragon1234 shadow12 shadow123 tigger12 tigger123
football football1 football12 football123 baseball baseball1 baseball123 basketball basketball1
softball softball1 hockey12 hockey123 soccer12 soccer123 swimming volleyball liverpool liverpool1
liverpool123 arsenal1 arsenal123 chelsea1 chelsea123 barcelona barcelona1 realmadrid juventus
manchester manchester1 manutd123 steelers steelers1 cowboys1 yankees1 lakers24 ferrari1 mercedes
mercedes1 porsche1 mustang1 corvette chevrolet harley123 yamaha123 kawasaki
princess princess1 princess12 princess123 sunshine sunshine1 sunshine12 sunshine123 butterfly
butterfly1 flower123 rainbow1 rainbow123 chocolate chocolate1 cupcake1 cookie123 cheese123 banana123
orange123 cherry123 strawberry pineapple pumpkin1 babygirl babygirl1 babyboy1 baby1234 angel123
angel1234 angels123 blessed1 blessing heaven123 jesus123 jesus777 jesuschrist god12345 faith123
starwars starwars1 starwars123 skywalker pokemon1 pokemon123 pikachu1 minecraft minecraft1
minecraft123 fortnite fortnite1 naruto123 batman123 batman1234 spiderman spiderman1 ironman1
avengers harrypotter hogwarts gandalf1 matrix123 metallica metallica1 nirvana1 slipknot eminem123
michael1 michael123 michelle michelle1 jennifer jennifer1 jessica1 jessica123 jordan23 jordan123
charlie1 charlie123 christian christopher elizabeth elizabeth1 alexander alexander1 alexandra
andrew123 anthony1 ashley123 benjamin brandon1 daniel123 danielle diamond1 dolphin1 donald123
george123 hannah123 jackson1 jasmine1 jonathan joseph123 joshua123 justin123 katherine kimberly
kristina lauren123 mariposa marina123 martin123 matthew1 matthew123 melissa1 nicholas nicole123
patricia patrick1 rebecca1 richard1 robert123 samantha samantha1 sebastian stephanie summer123
summer2024 summer2025 summer2026 summer24 winter123 winter2024 winter2025 winter2026 winter24
spring2024 spring2025 spring2026 autumn2024 autumn2025 autumn2026 thomas123 valentina victoria
victoria1 vincent1 william1 william123 veronica gabriel1 francisco fernando alejandro alejandra
freedom1 freedom123 hello123 hello1234 hello12345 hellohello helloworld helloworld1 hola1234
bonjour1 computer12 samsung12 america1 canada123 england1 london123 newyork1 california florida1
texas123 germany1 france123 mexico123 brasil123 portugal1 deutschland schalke04 borussia
killer123 killer12 hunter12 hunter123 ranger12 warrior1 soldier1 marines1 phoenix1 thunder1
midnight midnight1 blackjack blink182 bigdaddy1 cowboy12 creative creative1 cutiepie dallas123
darkness discovery dontforget elephant einstein emergency everton1 evolution fireball fuckyou1
fuckyou2 fuckyou123 fuckoff1 asshole1 bitch123 gateway1 goodluck greenday guitar123 happy123
happyday iceman12 indiana1 infinity inspired jackass1 kingkong knight12 lacrosse legend123 lightning
looking1 lucky123 lucky777 maverick maverick1 mickey123 money123 moneymoney monster1 monster123
mountain mylife123 ncc1701d nintendo november october1 december september january1 february paradise
peaches1 peanut123 pepper123 personal platinum playboy1 playstation precious preston1 qwaszx12
rockstar rocknroll rosebud1 scorpion scooter1 security security1 security123 shithead simple123
smokey12 snoopy12 snowball spartan1 stargate strength student1 student123 success1 success123
sweetie1 swordfish teacher1 tennis123 tinkerbell tomorrow trinity1 unicorn1 universe vampire1
welcomehome whiskey1 wildcats wolfgang wonderful yellow123 zxcvbnm,./ `

const common: ReadonlySet<string> = new Set(rows.trim().split(/\s+/))

export const commonPasswordCount = common.size

/** However its letters are cased. */
export const isCommonPassword = (text: string): boolean => common.has(text.toLowerCase())
